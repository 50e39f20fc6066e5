"""Opaque pagination cursors."""

import base64
import binascii
from datetime import UTC, datetime

from tasks.errors import InvalidInput
from tasks.interviews.interview import Interview


def cursor_after(interview: Interview) -> str:
    """The cursor of the page that starts after an interview."""
    text = f"{interview.created_at.isoformat()} {interview.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_cursor(cursor: str) -> tuple[datetime, str]:
    """Decode a cursor.

    Raises:
        InvalidInput: The cursor is malformed.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        moment, _, interview_id = text.partition(" ")
        created_at = datetime.fromisoformat(moment)
        in_utc = created_at.astimezone(UTC)
    except (binascii.Error, OverflowError, ValueError) as error:
        raise InvalidInput("the cursor is invalid", pointer="/cursor") from error
    if created_at.tzinfo is None or not interview_id:
        raise InvalidInput("the cursor is invalid", pointer="/cursor")
    return in_utc, interview_id
