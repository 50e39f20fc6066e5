"""Reads the messages that ask for interviews."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from tasks.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class RequestMessage:
    """A message of a topic.

    Attributes:
        id: The id of the CloudEvent, or where in Kafka the message is: the same however often it
            is delivered.
        key: The key, where it has one.
        body: The message as it came.
        value: The JSON value it holds; None where the message cannot be read.
    """

    id: str
    key: str | None
    body: bytes
    value: Any = None


def read_message(
    position: str, key: bytes | None, body: bytes | None, headers: Iterable[tuple[str, bytes]]
) -> tuple[RequestMessage, InvalidInput | None]:
    """Read a message: plain JSON, or a CloudEvent 1.0 in its structured or its binary mode.

    Source: CloudEvents, Kafka protocol binding 1.0.2, section 3. A structured CloudEvent is known
    by its `specversion`, for few producers care to set the header.

    Args:
        position: Where the message is, which is its id unless it has one.
        key: The key of the message.
        body: The value of the message.
        headers: The headers of the message.

    Returns:
        The message, and what is wrong with it where it cannot be read.
    """
    ids = (value.decode(errors="replace") for name, value in headers if name == "ce_id")
    message_id = next(ids, position)
    text_key = key.decode(errors="replace") if key is not None else None
    unread = RequestMessage(id=message_id, key=text_key, body=body or b"")
    if not body:
        return unread, InvalidInput("the message is empty")
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        return unread, InvalidInput(f"the message is not JSON: {error}")
    if isinstance(value, dict) and "specversion" in value:
        message_id, value = str(value.get("id") or message_id), value.get("data")
    return RequestMessage(id=message_id, key=text_key, body=body, value=value), None
