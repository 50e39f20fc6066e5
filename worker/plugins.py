"""The providers that are installed: ours and those of others, found by their entry points."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from tasks.errors import MissingExtra, Permanent
from tasks.ports import CalendarProvider, LanguageProvider, SpeechProvider
from worker.adapters.providers import Context

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class ProviderKind(Generic[P]):
    """Providers that can do the same.

    Attributes:
        group: The group of their entry points.
        setting: The setting that names those in use.
    """

    group: str
    setting: str

    def known(self) -> list[str]:
        """The names of all that are installed."""
        return sorted(set(entry_points(group=self.group).names))

    def open(self, name: str, context: Context) -> P:
        """Make a provider.

        Raises:
            MissingExtra: It needs packages that are not installed.
            Permanent: There is no such provider, or its settings are wrong.
        """
        found = self._find(name)
        try:
            factory: Any = found.load()
            provider: P = factory(context)
        except ModuleNotFoundError as error:
            raise _missing(found, error) from error
        return provider

    def _find(self, name: str) -> EntryPoint:
        found = entry_points(group=self.group, name=name)
        if not found:
            known = ", ".join(self.known()) or "none"
            raise Permanent(
                f"{self.setting}: there is no provider {name!r}; installed are: {known}",
                code="configuration",
            )
        return next(iter(found))


def _missing(provider: EntryPoint, error: ModuleNotFoundError) -> MissingExtra:
    if provider.dist is not None and provider.dist.name == "interview-worker":
        # The extra with a provider's packages has the provider's name.
        return MissingExtra.of(provider.name, provider.name)
    return MissingExtra(f"{provider.name} needs {error.name}, which is not installed")


SPEECH: ProviderKind[SpeechProvider] = ProviderKind(
    "interview_worker.speech", "TRANSCRIPTION_PROVIDERS"
)
LANGUAGE: ProviderKind[LanguageProvider] = ProviderKind(
    "interview_worker.language", "ANALYSIS_PROVIDERS"
)
CALENDAR: ProviderKind[CalendarProvider] = ProviderKind(
    "interview_worker.calendar", "CALENDAR_PROVIDERS"
)
