"""The HTTP header Retry-After (RFC 9110, section 10.2.3)."""

from datetime import UTC
from email.utils import parsedate_to_datetime

from tasks.clock import now


def parse_retry_after(value: str) -> float | None:
    """The seconds for which a server asks to be left alone.

    Args:
        value: The header: seconds, or a date.

    Returns:
        The seconds, at least 0; None where the header says nothing that can be read.
    """
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # RFC 9110 dates are in GMT, which the parser takes -0000 not to mean.
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now()).total_seconds())
