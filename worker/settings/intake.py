"""Settings of the intake: interviews, recordings and callbacks."""

from base64 import b64decode
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from worker.environment import EnvironmentSettings, Names, Seconds

MiB = 1 << 20


class IntakeSettings(EnvironmentSettings):
    """Conditions for accepting interviews, recordings and callback URLs."""

    interview_types: Names = Field(
        ("screening", "technical", "behavioural"),
        min_length=1,
        max_length=50,
        description="Types of interview, separated by commas.",
    )
    consent_required: bool = Field(
        True, description="Reject the analysis of interviews without a consent record."
    )
    max_upload_bytes: int = Field(
        1024 * MiB, ge=MiB, description="Largest recording in bytes, uploaded or downloaded."
    )
    max_audio_seconds: float = Field(
        4 * 3600, gt=0, description="Longest recording, in seconds of audio."
    )
    audio_url_allow_private: bool = Field(
        False, description="Download from private, loopback and link-local addresses too."
    )
    audio_url_timeout: float = Field(
        60, gt=0, le=600, description="Seconds within which a recording must be downloaded."
    )

    webhook_secret: SecretStr | None = Field(
        None,
        description="Signs callbacks, whsec_<base64>; several by spaces. Unset: none are accepted.",
    )
    callback_url_allow_private: bool = Field(
        False, description="Post callbacks to private, loopback and link-local addresses too."
    )
    webhook_timeout: float = Field(
        15, gt=0, le=60, description="Seconds within which a callback must be accepted."
    )
    webhook_backoff: Seconds = Field(
        (5, 300, 1800, 7200, 18_000, 36_000),
        max_length=20,
        description="Seconds before each retry of a callback, separated by commas.",
    )

    @property
    def webhook_secrets(self) -> list[str]:
        """The secrets that sign callbacks; empty if there are none."""
        return self.webhook_secret.get_secret_value().split() if self.webhook_secret else []

    @field_validator("webhook_secret")
    @classmethod
    def _check_secrets(cls, value: SecretStr | None) -> SecretStr | None:
        for secret in value.get_secret_value().split() if value else ():
            if not _is_webhook_secret(secret):
                raise ValueError("each secret is whsec_ and the base64 of 24 to 64 random bytes")
        return value

    @model_validator(mode="after")
    def _check_types(self) -> Self:
        for name in self.interview_types:
            if len(name) > 64:
                raise ValueError("INTERVIEW_TYPES: a type is longer than 64 characters")
        return self


def _is_webhook_secret(text: str) -> bool:
    try:
        random = b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return text.startswith("whsec_") and 24 <= len(random) <= 64
