"""Parsing of request messages."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from tasks.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class RequestMessage:
    """A message from a topic.

    Attributes:
        id: The id of the CloudEvent, or the position in the topic; the same for each delivery of
            the message.
        key: The key, if any.
        body: The raw message.
        value: The parsed JSON value; None if the message cannot be parsed.
    """

    id: str
    key: str | None
    body: bytes
    value: Any = None


def read_message(
    position: str, key: bytes | None, body: bytes | None, headers: Iterable[tuple[str, bytes]]
) -> tuple[RequestMessage, InvalidInput | None]:
    """Parse a message: plain JSON, or a CloudEvent 1.0 in structured or binary mode.

    Source: CloudEvents, Kafka protocol binding 1.0.2, section 3. A structured CloudEvent is
    recognized by its `specversion`, since few producers set the header.

    Args:
        position: The position in the topic; the id of a message without one.
        key: The key of the message.
        body: The value of the message.
        headers: The headers of the message.

    Returns:
        The message, and the error if it cannot be parsed.
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
