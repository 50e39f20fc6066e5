"""What every provider of speech, language or calendars is made with.

A provider is made by a factory that takes a `Context`. Factories are found by their entry points,
in the groups `interview_worker.speech`, `interview_worker.language` and
`interview_worker.calendar`: ours and those of others alike.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from worker.environment import ProviderSettings, read_settings

if TYPE_CHECKING:
    from worker.settings import Settings

S = TypeVar("S", bound=ProviderSettings)


class CircuitBreaker(Protocol):
    """Lets requests through to endpoints that answer."""

    def __call__(self, service: str, endpoint: str) -> AbstractContextManager[None]:
        """A context for one request; `Transient` and `Unusable` in it count against the endpoint.

        Args:
            service: The service's name, as in metrics.
            endpoint: What is asked for, as a template: never an id, a name or an address.

        Raises:
            CircuitOpen: The endpoint failed so often that it is left alone for a while.
        """


@dataclass(frozen=True, slots=True)
class Usage:
    """What a provider did for us, as its answer says.

    Attributes:
        provider: Its name.
        model: The model, as the provider names it.
        input_tokens: Tokens read, cached ones among them; None where tokens are not counted.
        output_tokens: Tokens written.
        audio_seconds: Seconds of audio that are billed, each channel for itself.
    """

    provider: str
    model: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    audio_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """What it cost.

    Attributes:
        cost: US dollars; None where the price is not known.
        price_version: The price list by which it was reckoned.
    """

    cost: float | None
    price_version: str


class Bill(Protocol):
    """Puts a price on what was used, announces it and adds it to what was spent today."""

    def __call__(self, usage: Usage) -> Charge:
        """Bill one answer, useful or not: what was used is paid for."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a provider's factory is given.

    Attributes:
        settings: The settings of the service.
        breaker: A context for each request.
        bill: Called with each response that costs money.
    """

    settings: "Settings"
    breaker: CircuitBreaker
    bill: Bill

    def settings_for(self, kind: type[S]) -> S:
        """The settings of one provider.

        Those of a provider from another package are read from the environment.

        Args:
            kind: The provider's own class of settings.

        Raises:
            Permanent: A value in the environment is invalid.
        """
        return self.settings if isinstance(self.settings, kind) else read_settings(kind)
