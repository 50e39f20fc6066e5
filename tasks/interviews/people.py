"""The people of an interview, and their availability."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

_EMAIL = r"^[^@\s<>,;:\"/\\]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$"


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"unknown time zone {name!r}; expected a name such as Europe/Berlin"
        ) from None
    return name


TimeZone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_known_time_zone)]
"""The name of a zone of the IANA time zone database, such as `Europe/Berlin`."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC, this is outside the years 1 to 9999") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A point in time, converted to UTC: within other zones, Python's arithmetic ignores clock changes.
"""


class Interval(BaseModel):
    """A time span; the end is exclusive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError("the end must be after the start")
        return self

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two overlap; adjacent spans do not."""
        return self.start < other.end and other.start < self.end

    def padded(self, before: timedelta, after: timedelta) -> "Interval":
        """Return this span extended by a buffer on either side."""
        return Interval(start=self.start - before, end=self.end + after)

    @property
    def duration(self) -> timedelta:
        """The length of the span."""
        return self.end - self.start


def _without_zone(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("a local time must have no offset; the person's time zone applies")
    return at


WallTime = Annotated[
    time,
    AfterValidator(_without_zone),
    # JSON Schema's format `time` is that of RFC 3339, which requires an offset.
    WithJsonSchema(
        {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$"}
    ),
]
"""A local time of day, without a zone."""


class WorkingHours(BaseModel):
    """The days of the week, and the hours of those days, at which a person is available."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: WallTime = time(9)
    end: WallTime = time(17)
    days: Annotated[
        tuple[Annotated[int, Field(ge=1, le=7)], ...], Field(min_length=1, max_length=7)
    ] = (1, 2, 3, 4, 5)
    """ISO weekdays: Monday is 1, Sunday is 7."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError("working hours must end after their start")
        return self


class Person(BaseModel):
    """A candidate or an interviewer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    email: str = Field(max_length=254, pattern=_EMAIL)
    time_zone: TimeZone | None = None
    """The person's time zone; defaults to the interview's."""
    working_hours: WorkingHours = WorkingHours()
    calendar: str | None = Field(default=None, min_length=1, max_length=500)
    """The address of the person's calendar at the calendar provider.

    For an interviewer it defaults to the calendar of the e-mail address. A candidate without one is
    assumed to be free during working hours, because candidates seldom have a calendar with the same
    provider."""


class FollowUp(BaseModel):
    """Constraints on the follow-up meeting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    duration_minutes: int = Field(default=45, ge=5, le=480, multiple_of=5)
    buffer_minutes: int = Field(default=10, ge=0, le=120, multiple_of=5)
    """Free time before and after the meeting, for all attendees."""
    notice_hours: int = Field(default=24, ge=0, le=24 * 30)
    """Minimum time between booking and meeting."""
    window_days: int = Field(default=14, ge=1, le=90)
    """How many days ahead to search."""
    earliest: Moment | None = None
    """The earliest start of the meeting."""
    latest: Moment | None = None
    """The latest end of the meeting."""

    def window(self, now: datetime) -> Interval | None:
        """The span in which the meeting must lie, or None if the constraints leave none."""
        start = max(filter(None, (now + timedelta(hours=self.notice_hours), self.earliest)))
        end = min(filter(None, (now + timedelta(days=self.window_days), self.latest)))
        return Interval(start=start, end=end) if end > start else None
