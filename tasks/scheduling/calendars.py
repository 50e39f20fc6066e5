"""The configured calendar providers.

A booking can be moved and cancelled only with the provider that holds it. Therefore
`tasks.scheduling.booking` chooses the provider, and stores it in the reservation and the booking.
"""

from collections.abc import Iterator, Sequence

from tasks.errors import Permanent
from tasks.ports import CalendarProvider


class Calendars:
    """Calendar providers in order of preference."""

    def __init__(self, *providers: CalendarProvider) -> None:
        self._providers = providers

    @property
    def name(self) -> str:
        """The names of all providers."""
        return ",".join(provider.name for provider in self)

    def __iter__(self) -> Iterator[CalendarProvider]:
        return iter(self._providers)

    def get(self, name: str) -> CalendarProvider:
        """Return the provider with this name.

        Raises:
            Permanent: It is not configured.
        """
        found = next((provider for provider in self if provider.name == name), None)
        if found is None:
            raise Permanent(
                f"the meeting is with {name}, which is no longer a configured calendar provider",
                code="provider_gone",
            )
        return found

    def preferring(self, name: str | None) -> Sequence[CalendarProvider]:
        """Return all providers, the named one first.

        Raises:
            Permanent: The named one is not configured.
        """
        if name is None:
            return self._providers
        first = self.get(name)
        return (first, *(provider for provider in self if provider is not first))

    def ping(self) -> None:
        """Raise unless all providers respond."""
        for provider in self:
            provider.ping()
