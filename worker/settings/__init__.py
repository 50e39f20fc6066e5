"""All settings of the service, combined from the settings of its parts."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from worker.adapters.calendars.settings import CalDavSettings, GoogleCalendarSettings
from worker.adapters.language.settings import AnthropicSettings, OpenAISettings
from worker.adapters.speech.settings import GoogleSpeechSettings, WhisperSettings
from worker.environment import read_settings
from worker.settings.http import HttpSettings
from worker.settings.intake import IntakeSettings
from worker.settings.pipeline import PipelineSettings, ProviderChoice
from worker.settings.servers import ServerSettings
from worker.settings.telemetry import TelemetrySettings

__all__ = ["Settings", "load_settings"]


# Pydantic lists the fields of the last base first.
class Settings(
    TelemetrySettings,
    GoogleCalendarSettings,
    CalDavSettings,
    AnthropicSettings,
    OpenAISettings,
    GoogleSpeechSettings,
    WhisperSettings,
    ProviderChoice,
    PipelineSettings,
    IntakeSettings,
    HttpSettings,
    ServerSettings,
):
    """All settings of the service; the base classes describe their own."""

    @property
    def metrics_directory(self) -> Path:
        """The directory that worker and sidecar share for metrics."""
        return self.metrics_dir or self.data_dir / "metrics"

    def with_environment(self, environment: Mapping[str, str]) -> "Settings":
        """Return a copy in which the given environment variables override settings."""
        replaced = {name.lower(): value for name, value in environment.items()}
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return Settings.model_validate({**given, **replaced})

    def environment(self) -> dict[str, str]:
        """Return the settings that differ from their defaults as environment variables."""
        given = ((name, getattr(self, name)) for name in self.model_fields_set)
        return {name.upper(): _as_text(value) for name, value in given if value is not None}


def load_settings() -> Settings:
    """Read all settings from the environment.

    Raises:
        Permanent: A value is invalid; the message is one line that names the setting.
    """
    return read_settings(Settings)


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        value = tuple(f"{name}={each}" for name, each in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
