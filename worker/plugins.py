"""Discovery of installed providers by their entry points, including those of other packages."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from tasks.errors import MissingExtra, Permanent
from tasks.ports import CalendarProvider, LanguageProvider, SpeechProvider
from worker.adapters.providers import Context

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class ProviderKind(Generic[P]):
    """A kind of provider: speech, language or calendar.

    Attributes:
        group: The group of its entry points.
        setting: The name of the setting that lists the providers in use.
    """

    group: str
    setting: str

    def known(self) -> list[str]:
        """The names of all installed providers, sorted."""
        return sorted(set(entry_points(group=self.group).names))

    def open(self, name: str, context: Context) -> P:
        """Create a provider.

        Args:
            name: The name of its entry point.
            context: The argument of its factory.

        Raises:
            MissingExtra: Packages that it needs are not installed.
            Permanent: No provider has this name, or its settings are invalid.
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
        # The extra that installs the packages of a provider is named like the provider.
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
