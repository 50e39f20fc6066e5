"""Conversion of models to plain values that any document store accepts."""

from collections.abc import Mapping
from datetime import time
from enum import Enum
from typing import Any

from pydantic import BaseModel


def to_document(value: Any) -> Any:
    """Convert models and mappings to dicts, sequences to lists, and enums and times to strings.

    Dates stay `datetime`, so that a store can compare them.
    """
    if isinstance(value, BaseModel):
        return to_document(dict(value))
    if isinstance(value, Mapping):
        return {str(key): to_document(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_document(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, time):
        return value.isoformat()
    return value
