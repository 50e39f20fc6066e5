"""The HTTP header Retry-After (RFC 9110, section 10.2.3)."""

from datetime import UTC
from email.utils import parsedate_to_datetime

from tasks.clock import now


def parse_retry_after(value: str) -> float | None:
    """Parse the seconds to wait before the next request.

    Args:
        value: The header: seconds, or a date.

    Returns:
        The seconds, at least 0; None if the header is missing or malformed.
    """
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # Dates are in GMT by RFC 9110, but the parser returns a naive time for -0000.
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now()).total_seconds())
