"""Settings of the language providers."""

from pydantic import Field, SecretStr

from worker.environment import ProviderSettings


class OpenAISettings(ProviderSettings):
    """Settings of the provider `openai`."""

    openai_api_key: SecretStr | None = Field(None, description="OpenAI's key, for `openai`.")
    openai_base_url: str | None = Field(
        None, description="A server compatible with OpenAI, http://host/v1. Unset: OpenAI."
    )
    openai_model: str = Field("gpt-5-mini", description="The model of `openai`.")
    openai_window: int = Field(100_000, ge=2000, description="Most tokens of a prompt to it.")


class AnthropicSettings(ProviderSettings):
    """Settings of the provider `anthropic`."""

    anthropic_api_key: SecretStr | None = Field(
        None, description="Anthropic's key, for `anthropic`."
    )
    anthropic_base_url: str | None = Field(
        None, description="A server compatible with Anthropic. Unset: Anthropic."
    )
    anthropic_model: str = Field("claude-sonnet-4-6", description="The model of `anthropic`.")
    anthropic_window: int = Field(150_000, ge=2000, description="Most tokens of a prompt to it.")
