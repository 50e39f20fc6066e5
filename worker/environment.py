"""The base of all settings: how they are read from the environment."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar, get_args

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from tasks.errors import Permanent

S = TypeVar("S")


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Names: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Names, separated by commas in the environment."""

Seconds: TypeAlias = Annotated[
    tuple[Annotated[float, Field(ge=0)], ...], NoDecode, BeforeValidator(_split)
]
"""Numbers of seconds, separated by commas in the environment."""


class SecretFiles(PydanticBaseSettingsSource):
    """Reads secrets from files: `X_FILE` names a file that contains the setting `X`."""

    @override
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

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        try:
            value = Path(path).read_text().strip() if path else None
        except (OSError, UnicodeDecodeError) as error:
            raise Permanent(f"{variable}: {error}", code="configuration") from error
        return value, field_name, False


class EnvironmentSettings(BaseSettings):
    """Settings that are environment variables, named as their fields in capitals.

    A secret may be given by a file instead: `MONGODB_URL_FILE` names one that contains
    `MONGODB_URL`.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments take precedence over variables, and variables over files of secrets."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, SecretFiles(settings_cls)


class ProviderSettings(EnvironmentSettings):
    """The base of a provider's own settings, here and in plugins.

    Example:
        class AcmeSettings(ProviderSettings):
            acme_api_key: SecretStr | None = Field(None, description="Acme's key.")

        def open_provider(context: Context) -> Acme:
            settings = context.settings_for(AcmeSettings)
    """

    provider_timeout: float = Field(
        60, gt=0, le=3600, description="Seconds to wait for one response of a cloud provider."
    )


def read_settings(read: Callable[[], S]) -> S:
    """Read settings.

    Args:
        read: A class of settings.

    Raises:
        Permanent: A value is invalid; the message is one line that names the setting.
    """
    try:
        return read()
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        prefix = f"{name}: " if name else ""
        raise Permanent(f"{prefix}{problem['msg']}", code="configuration") from None
