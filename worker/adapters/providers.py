"""The context from which a provider's factory creates the provider.

A factory is a callable that takes a `Context`. All factories, built-in or of other packages, are
entry points of the groups `interview_worker.speech`, `interview_worker.language` and
`interview_worker.calendar`.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from worker.environment import ProviderSettings, read_settings

if TYPE_CHECKING:
    from worker.settings import Settings

S = TypeVar("S", bound=ProviderSettings)


class CircuitBreaker(Protocol):
    """A circuit breaker for each endpoint of each service."""

    def __call__(self, service: str, endpoint: str) -> AbstractContextManager[None]:
        """Return a context for one request; `Transient` and `Unusable` in it count as failures.

        Args:
            service: The service's name, as in metrics.
            endpoint: The endpoint as a template, without ids, names or addresses.

        Raises:
            CircuitOpen: Requests are suspended, because too many in a row have failed.
        """


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage that a provider reports for one response.

    Attributes:
        provider: The provider's name.
        model: The model, by the provider's name for it.
        input_tokens: Tokens read, including cached ones; None if tokens are not counted.
        output_tokens: Tokens written; None if tokens are not counted.
        audio_seconds: Seconds of audio billed, summed over the channels; None for language models.
    """

    provider: str
    model: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    audio_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """The cost of a response.

    Attributes:
        cost: US dollars; None if the price is unknown.
        price_version: The version of the price list used to compute the cost.
    """

    cost: float | None
    price_version: str


class Bill(Protocol):
    """Computes the cost of a response, sends `billed`, and adds it to the day's spending."""

    def __call__(self, usage: Usage) -> Charge:
        """Bill one response, even an unusable one: the provider charges for it as well."""


@dataclass(frozen=True, slots=True)
class Context:
    """The argument of a provider's factory.

    Attributes:
        settings: The settings of the service.
        breaker: The circuit breakers; enter one for each request.
        bill: Bills a response; call it for each response that costs money.
    """

    settings: "Settings"
    breaker: CircuitBreaker
    bill: Bill

    def settings_for(self, kind: type[S]) -> S:
        """Return the settings of one provider.

        Settings of a provider from another package are read from the environment.

        Args:
            kind: The provider's class of settings.

        Raises:
            Permanent: A value in the environment is invalid.
        """
        return self.settings if isinstance(self.settings, kind) else read_settings(kind)
