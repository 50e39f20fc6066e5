"""The present moment, as it is stored."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment in UTC, to the millisecond, which is what BSON dates can hold."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
