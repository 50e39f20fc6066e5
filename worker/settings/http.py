"""Settings of the HTTP API and of Flower."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from worker.environment import EnvironmentSettings, Names
from worker.urls import is_loopback


class HttpSettings(EnvironmentSettings):
    """Addresses of the API and of Flower, and authentication."""

    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(
        3001, ge=0, le=65535, description="Port of API, metrics and health; 0 takes a free one."
    )
    api_url: str | None = Field(
        None, description="URL of the API for the command line. Unset: the running stack's."
    )
    auth: Literal["open", "keys"] | None = Field(
        None, description="Access: open or keys. Unset: open if API_HOST is loopback, else keys."
    )
    interview_worker_key: SecretStr | None = Field(None, description="API key of the command line.")
    flower_host: str = Field("127.0.0.1", description="Address Flower listens on.")
    flower_port: int = Field(5555, ge=0, le=65535, description="Port of Flower; 0: a free one.")
    flower_basic_auth: SecretStr | None = Field(
        None, description="Flower's login, user:password. Unset: open, on loopback only."
    )
    rate_limit: int = Field(
        600, ge=0, description="Requests per minute and key, or address if open; 0: no limit."
    )
    forwarded_allow_ips: Names = Field(
        (),
        description="Proxies whose X-Forwarded-For is believed: addresses or networks, or *.",
    )
    body_timeout: float = Field(
        20, gt=0, description="Seconds to wait for a request's body, plus one per 8 KiB."
    )

    shutdown_delay: float = Field(
        0, ge=0, description="Seconds from SIGTERM to closing the API's port; it is not ready then."
    )

    @property
    def keys_required(self) -> bool:
        """Whether the API requires a key."""
        return not is_loopback(self.api_host) if self.auth is None else self.auth == "keys"

    @model_validator(mode="after")
    def _check_open_access(self) -> Self:
        if self.auth == "open" and not is_loopback(self.api_host):
            raise ValueError(
                f"AUTH: open access is for loopback addresses only, and API_HOST is {self.api_host}"
            )
        return self
