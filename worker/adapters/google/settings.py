"""Settings that Google's services share."""

from pathlib import Path

from pydantic import Field

from worker.environment import ProviderSettings


class GoogleSettings(ProviderSettings):
    """The credentials of Google's services."""

    google_credentials: Path | None = Field(
        None, description="JSON file of Google's service account. Unset: those of the environment."
    )
