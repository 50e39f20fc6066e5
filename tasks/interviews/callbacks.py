"""Events on their way to the URL an interview's producer has named."""

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
"""However long a receiver asks us to wait."""

_JITTER = 0.2
"""The share of a delay by which it may become longer, so that not all come again at once."""


def _normalised(url: str) -> str:
    parsed = _URL.validate_python(url)
    if parsed.username is not None or parsed.password is not None:
        # Whoever may read the interview reads the URL.
        raise ValueError("the URL must not hold a user or a password")
    normalised = str(parsed)
    if len(normalised) > _MAX_LENGTH:
        raise ValueError(f"the URL is longer than {_MAX_LENGTH} characters")
    return normalised


CallbackUrl = Annotated[
    str,
    Field(min_length=1, max_length=_MAX_LENGTH, json_schema_extra={"format": "uri"}),
    AfterValidator(_normalised),
]
"""An http or https URL without credentials, in its normal form."""


class Callback(BaseModel):
    """An event that is still to be delivered."""

    model_config = ConfigDict(frozen=True)

    event: Event
    url: str
    receiver: str
    """Host and port of the URL."""
    attempts: int = 0
    """How often it was tried, in vain."""
    due: AwareDatetime
    """When to try it next."""


class DeliveryFailed(Transient):
    """A receiver did not take a callback.

    Attributes:
        after: How long it asks us to wait, if it does.
    """

    code = "not_accepted"

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class ReceiverGone(Permanent):
    """A receiver wants no more callbacks at this URL."""

    code = "unwanted"


def callbacks(url: str | None, *events: Event) -> Sequence[Callback]:
    """The callbacks that tell of events, due at once; none without a URL."""
    if url is None:
        return ()
    receiver = urlsplit(url).netloc
    return [Callback(event=event, url=url, receiver=receiver, due=event.at) for event in events]


def next_attempt(
    failed: Callback, backoff: Sequence[timedelta], now: datetime, after: timedelta | None = None
) -> datetime | None:
    """When to try again after one more attempt in vain, or None to give up.

    Args:
        failed: The callback as it was before the attempt.
        backoff: The delays before the second attempt, the third, and so on.
        now: The present moment.
        after: How long the receiver asks us to wait; a day at most counts.
    """
    if failed.attempts >= len(backoff):
        return None
    delay = backoff[failed.attempts] * random.uniform(1, 1 + _JITTER)  # noqa: S311 - no secret
    return now + max(delay, min(after or timedelta(0), _MAX_DELAY))
