"""Settings of the stages, and of the providers that they call."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from worker.environment import EnvironmentSettings, Names

_REDELIVERY_MARGIN = 600
"""Seconds between a stage's time limit and the redelivery of its message."""


class PipelineSettings(EnvironmentSettings):
    """Limits and retries of the stages, and the retention period."""

    max_attempts: int = Field(3, ge=1, le=20, description="Attempts at a stage before it fails.")
    retry_backoff: float = Field(
        2.0, ge=0, le=60, description="Seconds before the second attempt; doubles up to 900."
    )
    lease_seconds: float = Field(
        30,
        ge=3,
        le=3600,
        description="Seconds without renewal after which another worker takes over.",
    )
    stage_time_limit: int = Field(
        3 * 3600, ge=10, description="Seconds after which a stage is aborted."
    )
    transcribe_concurrency: int = Field(
        2, ge=1, le=64, description="Interviews transcribed at once by `interview-worker up`."
    )
    analyse_concurrency: int = Field(
        2, ge=1, le=64, description="Interviews analysed or scheduled at once by `up`."
    )
    shutdown_grace: float = Field(
        30, ge=0, description="Seconds for tasks to finish when the stack is stopped."
    )
    retention_days: int | None = Field(
        None, ge=1, description="Days after which finished interviews are erased. Unset: never."
    )

    @property
    def redelivery_seconds(self) -> int:
        """Seconds after which the broker redelivers a message that is not acknowledged."""
        return self.stage_time_limit + _REDELIVERY_MARGIN


class ProviderChoice(EnvironmentSettings):
    """The choice of providers, and limits on calling them. Each provider adds its own settings."""

    transcription_providers: Names = Field(
        ("whisper",), min_length=1, description="Speech providers in order; the rest are fallbacks."
    )
    analysis_providers: Names = Field(
        ("local",), min_length=1, description="Language providers, likewise."
    )
    calendar_providers: Names = Field(
        ("caldav",), min_length=1, description="Calendar providers, likewise."
    )
    provider_attempts: int = Field(
        3, ge=1, le=20, description="Attempts at one provider before the next is called."
    )
    provider_patience: float = Field(
        120, gt=0, description="Seconds after which a call to a provider is not retried."
    )
    circuit_failures: int = Field(
        5, ge=1, description="Failures in a row after which an endpoint's circuit opens."
    )
    circuit_seconds: float = Field(
        60, gt=0, description="Seconds for which it stays open, until one trial request."
    )
    prices_file: Path | None = Field(
        None, description="Price list of cloud providers, as JSON. Unset: the built-in one."
    )
    daily_budget: Annotated[dict[str, Annotated[float, Field(ge=0)]], NoDecode] = Field(
        {}, description="US dollars per UTC day, such as openai=5,google=10. Others: no limit."
    )
    mask_personal_data: bool | None = Field(
        None,
        description="Hide names, e-mail addresses and telephone numbers from language models. "
        "Unset: if a cloud provider is used.",
    )

    @property
    def providers(self) -> frozenset[str]:
        """The names of all providers in use."""
        return frozenset(
            (*self.transcription_providers, *self.analysis_providers, *self.calendar_providers)
        )

    @field_validator("daily_budget", mode="before")
    @classmethod
    def _parse_budgets(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError("each part is a provider and dollars, such as openai=5")
        return {provider.strip(): dollars.strip() for provider, _, dollars in pairs}

    @model_validator(mode="after")
    def _check_budgets(self) -> Self:
        unused = self.daily_budget.keys() - self.providers
        if unused:
            raise ValueError(f"DAILY_BUDGET: {', '.join(sorted(unused))} is no provider in use")
        return self
