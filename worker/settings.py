"""The settings: the only reader of the environment."""

import os
from base64 import b64decode
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tasks.errors import Permanent

MiB = 1 << 20


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets out of files: the setting X is what the file says that X_FILE names."""

    def __call__(self) -> dict[str, Any]:
        """Read every file that the environment names.

        Raises:
            Permanent: A file cannot be read.
        """
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            if SecretStr in get_args(field.annotation):
                value, _, _ = self.get_field_value(field, name)
                found |= {name: value} if value else {}
        return found

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Read the file of one setting; see `PydanticBaseSettingsSource`."""
        del field
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        try:
            value = Path(path).read_text().strip() if path else None
        except (OSError, UnicodeDecodeError) as error:
            raise Permanent(f"{variable}: {error}", code="configuration") from error
        return value, field_name, False


class Settings(BaseSettings):
    """Every setting of the service: environment variables of these names, in capitals.

    A secret may be given by a file instead: `MONGODB_URL_FILE` names one that holds `MONGODB_URL`.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    # Where the servers are. Without an address, the embedded one is started.
    redis_url: SecretStr | None = Field(
        None, description="Broker, such as redis://host:6379/0. Unset: embedded Valkey."
    )
    redis_key_prefix: str = Field(
        "", description="What all keys in Redis begin with, where others share the database."
    )
    mongodb_url: SecretStr | None = Field(
        None, description="Documents and audio, mongodb://host/database. Unset: embedded."
    )
    kafka_bootstrap_servers: str | None = Field(
        None, description="Events and requests, host:9092[,…]. Unset: embedded Tansu."
    )
    caldav_url: SecretStr | None = Field(
        None, description="Calendars, https://user:password@host/. Unset: embedded Radicale."
    )
    data_dir: Path = Field(
        Path(".interview-worker"), description="Where the embedded servers keep data and logs."
    )

    # HTTP.
    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(
        3001, ge=0, le=65535, description="Port of API, metrics and health; 0 takes a free one."
    )
    api_url: str | None = Field(
        None, description="Where the command line finds the API. Unset: the running stack's."
    )
    auth: Literal["open", "keys"] | None = Field(
        None, description="Who is let in: anyone, or keys. Unset: anyone, if API_HOST is loopback."
    )
    interview_worker_key: SecretStr | None = Field(
        None, description="The key by which the command line shows itself to the API."
    )
    flower_host: str = Field("127.0.0.1", description="Address Flower listens on.")
    flower_port: int = Field(5555, ge=0, le=65535, description="Port of Flower; 0: a free one.")
    flower_basic_auth: SecretStr | None = Field(
        None, description="Who may see Flower, user:password. Unset: anyone, on loopback only."
    )

    rate_limit: int = Field(
        600, ge=0, description="Requests a minute of each key, or address without; 0: no limit."
    )
    body_timeout: float = Field(
        20, gt=0, description="Seconds to wait for a request's body, and a second more per 8 KiB."
    )

    # What is accepted.
    interview_types: Annotated[tuple[str, ...], NoDecode] = Field(
        ("screening", "technical", "behavioural"),
        min_length=1,
        max_length=50,
        description="Types of interview, separated by commas.",
    )
    consent_required: bool = Field(
        True, description="Refuse to analyse interviews that carry no consent record."
    )
    max_upload_bytes: int = Field(
        1024 * MiB, ge=MiB, description="Largest recording, in bytes, uploaded or fetched."
    )
    max_audio_seconds: float = Field(
        4 * 3600, gt=0, description="Longest recording, in seconds of audio."
    )
    audio_url_allow_private: bool = Field(
        False, description="Fetch audio_url from private, loopback and link-local addresses too."
    )
    audio_url_timeout: float = Field(
        60, gt=0, le=600, description="Seconds within which a recording must be fetched."
    )

    # What is kept.
    retention_days: int | None = Field(
        None,
        ge=1,
        description="Days after which interviews that are over are erased. Unset: never.",
    )

    # Callbacks.
    webhook_secret: SecretStr | None = Field(
        None,
        description="Signs callbacks, whsec_<base64>; several by spaces. Unset: none are accepted.",
    )
    callback_url_allow_private: bool = Field(
        False, description="Post to private, loopback and link-local addresses too."
    )
    webhook_timeout: float = Field(
        15, gt=0, le=60, description="Seconds within which a callback must be accepted."
    )
    webhook_backoff: Annotated[tuple[Annotated[float, Field(ge=0)], ...], NoDecode] = Field(
        (5, 300, 1800, 7200, 18_000, 36_000),
        max_length=20,
        description="Seconds before each further attempt at a callback, separated by commas.",
    )

    # Stages.
    max_attempts: int = Field(3, ge=1, le=20, description="Attempts at a stage before failing.")
    retry_backoff: float = Field(
        2.0, ge=0, le=60, description="Seconds before the second attempt; doubles up to 900."
    )
    lease_seconds: float = Field(
        30,
        ge=3,
        le=3600,
        description="Seconds without a sign of life after which another worker takes over.",
    )
    stage_time_limit: int = Field(
        3 * 3600, ge=10, description="Seconds after which a stage is given up."
    )
    transcribe_concurrency: int = Field(
        2, ge=1, le=64, description="Interviews transcribed at once by `interview-worker up`."
    )
    analyse_concurrency: int = Field(
        2, ge=1, le=64, description="Interviews analysed or scheduled at once by `up`."
    )
    shutdown_grace: float = Field(
        30, ge=0, description="Seconds that work in hand is given when the stack is stopped."
    )

    # Providers.
    transcription_providers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("whisper",), min_length=1, description="Who transcribes; the next one steps in."
    )
    analysis_providers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("local",), min_length=1, description="Who analyses; the next one steps in."
    )
    calendar_providers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("caldav",), min_length=1, description="Who keeps calendars; the next one steps in."
    )
    provider_timeout: float = Field(
        60, gt=0, le=3600, description="Seconds to wait for one answer of a cloud provider."
    )
    provider_attempts: int = Field(
        3, ge=1, le=20, description="Times a provider is asked while that may help, then the next."
    )
    provider_patience: float = Field(
        120, gt=0, description="Seconds after which no provider is asked the same again."
    )
    circuit_failures: int = Field(
        5, ge=1, description="Failures in a row after which an endpoint is left alone."
    )
    circuit_seconds: float = Field(
        60, gt=0, description="Seconds for which it is, until one request tries it again."
    )
    prices_file: Path | None = Field(
        None, description="Price list of cloud providers, as JSON. Unset: the one that comes along."
    )
    daily_budget: Annotated[dict[str, Annotated[float, Field(ge=0)]], NoDecode] = Field(
        {}, description="US dollars a UTC day, such as openai=5,google=10. Others: no limit."
    )
    openai_api_key: SecretStr | None = Field(None, description="OpenAI's key, for `openai`.")
    openai_base_url: str | None = Field(
        None, description="A server that speaks as OpenAI does, http://host/v1. Unset: OpenAI."
    )
    openai_model: str = Field("gpt-5-mini", description="The model that `openai` asks.")
    openai_window: int = Field(
        100_000, ge=2000, description="Tokens that a question to it may have."
    )
    anthropic_api_key: SecretStr | None = Field(
        None, description="Anthropic's key, for `anthropic`."
    )
    anthropic_base_url: str | None = Field(
        None, description="A server that speaks as Anthropic does. Unset: Anthropic."
    )
    anthropic_model: str = Field(
        "claude-sonnet-4-6", description="The model that `anthropic` asks."
    )
    anthropic_window: int = Field(
        150_000, ge=2000, description="Tokens that a question to it may have."
    )
    google_credentials: Path | None = Field(
        None, description="JSON file of Google's service account. Unset: those of the environment."
    )
    google_speech_url: str = Field(
        "https://speech.googleapis.com", description="Where Google's speech recognition is."
    )
    google_speech_model: str = Field("latest_long", description="Google's model of speech.")
    google_speech_languages: Annotated[tuple[str, ...], NoDecode] = Field(
        ("en-US",),
        min_length=1,
        max_length=4,
        description="What may be spoken, BCP 47; first best.",
    )
    google_calendar_url: str = Field(
        "https://www.googleapis.com/calendar/v3/", description="Where Google's calendars are."
    )
    google_calendar_subject: str | None = Field(
        None, description="On whose behalf the service account books. Unset: on its own."
    )
    mask_personal_data: bool | None = Field(
        None,
        description="Hide names, e-mail addresses and telephone numbers from language models. "
        "Unset: where a cloud provider is asked.",
    )
    whisper_model: str = Field(
        "tiny.en", description="faster-whisper model: tiny.en … large-v3, or a path."
    )
    whisper_threads: int = Field(
        1, ge=1, le=64, description="Threads of each worker process that transcribes."
    )
    caldav_create_calendars: bool = Field(
        False, description="Create calendars that are missing, rather than call them unreadable."
    )
    caldav_timeout: float = Field(10, gt=0, description="Seconds to wait for the calendar server.")

    # Kafka.
    kafka_events_topic: str = Field("interviews.events", description="Lifecycle events go here.")
    kafka_requests_topic: str = Field("interviews.requested", description="Requests come here.")
    kafka_group: str = Field("interview-worker", description="Consumer group of the requests.")

    # Monitoring.
    mongodb_metrics_port: int = Field(
        9216, ge=0, le=65535, description="Port of MongoDB's figures alone; 0 takes a free one."
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token for the metrics, on both ports. Unset: none is needed."
    )
    metrics_dir: Path | None = Field(
        None, description="Where worker and sidecar keep figures. Unset: DATA_DIR/metrics."
    )

    alertmanager_url: str = Field(
        "http://127.0.0.1:9093", description="Where Alertmanager is, for `silence`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="What is logged: this level and those above."
    )
    log_format: Literal["json", "console"] | None = Field(
        None, description="How: JSON lines, or for people. Unset: for people on a terminal."
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None, description="Where traces go, http://collector:4318 (OTLP). Unset: nowhere."
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None, description="Headers sent there, name=value, separated by commas."
    )
    otel_traces_sampler_arg: float = Field(
        0.1, ge=0, le=1, description="The share of traces sampled where they begin."
    )
    jaeger_url: str | None = Field(
        None, description="Where `trace` finds spans, http://jaeger:16686. Unset: nowhere."
    )

    @property
    def log_dir(self) -> Path:
        """Where the processes of the embedded stack write their logs."""
        return self.data_dir / "log"

    @property
    def otlp_headers(self) -> dict[str, str]:
        """The headers by which a collector knows us."""
        if self.otel_exporter_otlp_headers is None:
            return {}
        pairs = self.otel_exporter_otlp_headers.get_secret_value().split(",")
        return {
            name.strip(): value.strip()
            for name, _, value in (pair.partition("=") for pair in pairs)
        }

    @property
    def keys_required(self) -> bool:
        """Whether the API lets in only who shows a key."""
        return not is_loopback(self.api_host) if self.auth is None else self.auth == "keys"

    @property
    def webhook_secrets(self) -> list[str]:
        """What callbacks are signed with; empty where there are none."""
        return self.webhook_secret.get_secret_value().split() if self.webhook_secret else []

    @property
    def providers(self) -> frozenset[str]:
        """The names of all providers in use."""
        return frozenset(
            (*self.transcription_providers, *self.analysis_providers, *self.calendar_providers)
        )

    @property
    def metrics_directory(self) -> Path:
        """Where worker and sidecar keep figures."""
        return self.metrics_dir or self.data_dir / "metrics"

    def with_environment(self, environment: Mapping[str, str]) -> "Settings":
        """These settings, some of them replaced by the values of environment variables."""
        replaced = {name.lower(): value for name, value in environment.items()}
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return Settings.model_validate({**given, **replaced})

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, but those that were left at their defaults."""
        given = ((name, getattr(self, name)) for name in self.model_fields_set)
        return {name.upper(): _as_text(value) for name, value in given if value is not None}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is given, then the environment, then the files that it names."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, SecretFiles(settings_cls)

    @field_validator(
        "interview_types",
        "webhook_backoff",
        "transcription_providers",
        "analysis_providers",
        "calendar_providers",
        "google_speech_languages",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("daily_budget", mode="before")
    @classmethod
    def _by_provider(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError("each part is a provider and dollars, such as openai=5")
        return {provider.strip(): dollars.strip() for provider, _, dollars in pairs}

    @field_validator("webhook_secret")
    @classmethod
    def _signs(cls, value: SecretStr | None) -> SecretStr | None:
        for secret in value.get_secret_value().split() if value else ():
            if not _is_webhook_secret(secret):
                raise ValueError("each secret is whsec_ and the base64 of 24 to 64 random bytes")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name in self.interview_types:
            if len(name) > 64:
                raise ValueError("INTERVIEW_TYPES: a type is longer than 64 characters")
        unused = self.daily_budget.keys() - self.providers
        if unused:
            raise ValueError(f"DAILY_BUDGET: {', '.join(sorted(unused))} is no provider in use")
        if self.auth == "open" and not is_loopback(self.api_host):
            raise ValueError(
                f"AUTH: open access is for loopback addresses only, and API_HOST is {self.api_host}"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_webhook_secret(text: str) -> bool:
    try:
        random = b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return text.startswith("whsec_") and 24 <= len(random) <= 64


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        value = tuple(f"{name}={each}" for name, each in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        Permanent: A value is wrong; the message is one line that names the setting.
    """
    try:
        return Settings()
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        prefix = f"{name}: " if name else ""
        raise Permanent(f"{prefix}{problem['msg']}", code="configuration") from None


def mask_url(url: str) -> str:
    """A URL without the user and password in it, and without its query."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    _, at, host = authority.rpartition("@")
    return f"{scheme}{separator}{'***@' if at else ''}{host}{slash}{path.partition('?')[0]}"
