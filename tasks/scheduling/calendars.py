"""The calendars there are, with whom, and how patiently they are asked.

Unlike an answer, a booking stays: it can be moved and cancelled only where it was made. So whoever
books chooses the provider, and the reservation and the booking remember it; see
`tasks.scheduling.booking`.
"""

from collections.abc import Iterator, Sequence

from tasks.errors import Permanent
from tasks.ports import CalendarProvider


class Calendars:
    """Providers of calendars, in the order in which they are asked."""

    def __init__(self, *providers: CalendarProvider) -> None:
        self._providers = providers

    @property
    def name(self) -> str:
        """The names of all of them."""
        return ",".join(provider.name for provider in self)

    def __iter__(self) -> Iterator[CalendarProvider]:
        return iter(self._providers)

    def get(self, name: str) -> CalendarProvider:
        """The provider of this name.

        Raises:
            Permanent: There is none any more.
        """
        found = next((provider for provider in self if provider.name == name), None)
        if found is None:
            raise Permanent(
                f"the meeting is with {name}, which is no provider of calendars any more",
                code="provider_gone",
            )
        return found

    def preferring(self, name: str | None) -> Sequence[CalendarProvider]:
        """All of them, the one of this name first, if one is given.

        Raises:
            Permanent: There is none of this name any more.
        """
        if name is None:
            return self._providers
        first = self.get(name)
        return (first, *(provider for provider in self if provider is not first))

    def ping(self) -> None:
        """Ask all of them for a sign of life, and raise where one gives none."""
        for provider in self:
            provider.ping()
