"""Contextual attributes of the current task or request, for log lines and traces.

Entry points bind attributes once for each task or request; code further down adds to them.
Attributes are ids, internal names and numbers, never personal data.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

AttributeValue = str | int | float

_INTERVIEW = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_bound: ContextVar[dict[str, AttributeValue] | None] = ContextVar("bound_context", default=None)


@contextmanager
def bound_context(**attributes: AttributeValue) -> Iterator[None]:
    """Bind attributes, in addition to those already bound, for the duration of the context."""
    token = _bound.set({**(_bound.get() or {}), **attributes})
    try:
        yield
    finally:
        _bound.reset(token)


def bind(**attributes: AttributeValue) -> None:
    """Add attributes to the current context, also from a thread started within it."""
    held = _bound.get()
    if held is not None:
        held.update(attributes)


def interview_field(interview_id: object) -> Mapping[str, AttributeValue]:
    """Return the attribute `interview_id` if the value is a valid interview id, else nothing.

    Clients may send any text in place of an id, including personal data.
    """
    known = isinstance(interview_id, str) and _INTERVIEW.fullmatch(interview_id)
    return {"interview_id": str(interview_id)} if known else {}


def attributes() -> Mapping[str, AttributeValue]:
    """Return the attributes bound at present."""
    return _bound.get() or {}
