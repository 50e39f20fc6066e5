"""Callbacks: events to be posted to an interview's callback URL."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    TypeAdapter,
)

from tasks.errors import Permanent, Transient
from tasks.interviews.events import Event

_URL: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)
_MAX_LENGTH = 2000

_MAX_DELAY = timedelta(days=1)
"""Upper limit of the delay that a receiver may request."""

_JITTER = 0.2
"""Maximum random extension of a delay, as a share of it, so that retries do not coincide."""


def _normalised(url: str) -> str:
    parsed = _URL.validate_python(url)
    if parsed.username is not None or parsed.password is not None:
        # Everyone who may read the interview can read the URL.
        raise ValueError("the URL must not contain a user name or password")
    normalised = str(parsed)
    if len(normalised) > _MAX_LENGTH:
        raise ValueError(f"the URL is longer than {_MAX_LENGTH} characters")
    return normalised


CallbackUrl = Annotated[
    str,
    Field(min_length=1, max_length=_MAX_LENGTH, json_schema_extra={"format": "uri"}),
    AfterValidator(_normalised),
]
"""An http or https URL without credentials, normalised."""


class Callback(BaseModel):
    """An event that is still to be delivered."""

    model_config = ConfigDict(frozen=True)

    event: Event
    url: str
    receiver: str
    """Host and port of the URL."""
    attempts: int = 0
    """Number of failed attempts."""
    due: AwareDatetime
    """When the next attempt is due."""


class DeliveryFailed(Transient):
    """A receiver did not accept a callback.

    Attributes:
        after: The delay that the receiver requested, if any.
    """

    code = "not_accepted"

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class ReceiverGone(Permanent):
    """A receiver rejects all further callbacks at this URL."""

    code = "unwanted"


def callbacks(url: str | None, *events: Event) -> Sequence[Callback]:
    """Create callbacks for events, due immediately; none without a URL."""
    if url is None:
        return ()
    receiver = urlsplit(url).netloc
    return [Callback(event=event, url=url, receiver=receiver, due=event.at) for event in events]


def next_attempt(
    failed: Callback, backoff: Sequence[timedelta], now: datetime, after: timedelta | None = None
) -> datetime | None:
    """Return when to try again after another failed attempt, or None to give up.

    Args:
        failed: The callback before the attempt.
        backoff: The delays before the second attempt, the third, and so on.
        now: The current time.
        after: The delay that the receiver requested; capped at one day.
    """
    if failed.attempts >= len(backoff):
        return None
    delay = backoff[failed.attempts] * random.uniform(1, 1 + _JITTER)  # noqa: S311 - no secret
    return now + max(delay, min(after or timedelta(0), _MAX_DELAY))
