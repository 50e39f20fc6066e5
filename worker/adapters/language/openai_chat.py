"""Chat completions of OpenAI and of compatible servers, such as vLLM, llama.cpp and Ollama.

https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import openai
from pydantic import BaseModel, Field

from tasks.errors import InterviewWorkerError, Unusable
from worker.adapters.endpoints import CHAT_COMPLETIONS, OPENAI
from worker.adapters.http.errors import connection_error, error_from_status, invalid_response_error
from worker.adapters.http.instrumented import instrumented_client
from worker.adapters.language.chat import Completion, Message, ResponseFormat
from worker.adapters.language.model import ModelProvider
from worker.adapters.language.settings import OpenAISettings
from worker.adapters.providers import Bill, CircuitBreaker, Context, Usage

_MAX_OUTPUT_TOKENS = 16_000
"""Tokens, including those that a reasoning model writes before its answer."""

_NOT_FOR_THIS_ONE = {
    "insufficient_quota": "provider_quota",
    "model_not_found": "provider_unknown_model",
    "context_length_exceeded": "provider_too_long",
    "content_filter": "provider_refusal",
    "content_policy_violation": "provider_refusal",
}
"""OpenAI's error codes that make the provider unusable for a request, and our codes for them."""


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    finish_reason: str | None = None
    message: _Message


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class _Answer(BaseModel):
    """The part of a response that is used; validated here because the library does not."""

    choices: tuple[_Choice, ...] = Field(min_length=1)
    usage: _Usage | None = None


class OpenAIChat:
    """A `ChatModel` that uses the chat completions API.

    Args:
        key: The API key; None for a self-hosted server without authentication.
        base_url: The base URL of the API; None for OpenAI's own.
        model: The model's name.
        window: The maximum size of a prompt, in tokens.
        timeout: Seconds to wait for a response.
        breaker: The circuit breakers.
        bill: Bills each response.
    """

    name = "openai"

    def __init__(
        self,
        *,
        key: str | None,
        base_url: str | None,
        model: str,
        window: int,
        timeout: float,
        breaker: CircuitBreaker,
        bill: Bill,
    ) -> None:
        self.window = window
        self._model = model
        self._breaker = breaker
        self._bill = bill
        self._client = openai.OpenAI(
            # If `api_key` is None, the library reads one from the environment.
            api_key=key or "none",
            base_url=base_url,
            # No retries by the library: `RetryPolicy` makes them.
            max_retries=0,
            http_client=instrumented_client(
                OPENAI, {"/chat/completions": CHAT_COMPLETIONS}, timeout
            ),
        )

    @classmethod
    def of(cls, context: Context) -> "OpenAIChat":
        """Create it from the settings.

        Raises:
            Unusable: Neither `OPENAI_API_KEY` nor `OPENAI_BASE_URL` is set.
        """
        settings = context.settings_for(OpenAISettings)
        key = settings.openai_api_key
        if key is None and settings.openai_base_url is None:
            raise Unusable("OPENAI_API_KEY is not set", code="configuration")
        return cls(
            key=key.get_secret_value() if key else None,
            base_url=settings.openai_base_url,
            model=settings.openai_model,
            window=settings.openai_window,
            timeout=settings.provider_timeout,
            breaker=context.breaker,
            bill=context.bill,
        )

    def complete(
        self, instructions: str, conversation: Sequence[Message], response_format: ResponseFormat
    ) -> Completion:
        """Complete a conversation."""
        messages: list[Any] = [{"role": "system", "content": instructions}]
        messages += [{"role": message.role, "content": message.text} for message in conversation]
        form: Any = {
            "type": "json_schema",
            "json_schema": {
                "name": response_format.name,
                "schema": dict(response_format.schema),
                "strict": True,
            },
        }
        with self._breaker(OPENAI, CHAT_COMPLETIONS), _translated():
            response = self._client.chat.completions.with_raw_response.create(
                model=self._model,
                messages=messages,
                max_completion_tokens=_MAX_OUTPUT_TOKENS,
                response_format=form,
            )
            answer = _Answer.model_validate_json(response.content)
        return self._billed(answer)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _billed(self, answer: _Answer) -> Completion:
        used = answer.usage
        read, written = (used.prompt_tokens, used.completion_tokens) if used else (None, None)
        charge = self._bill(Usage(self.name, self._model, read, written))
        text = _text(answer)
        if text is None:
            raise Unusable(
                "openai returned no answer, or an incomplete one", code="provider_refusal"
            )
        return Completion(
            text=text,
            model=self._model,
            input_tokens=read,
            output_tokens=written,
            cost=charge.cost,
            price_version=charge.price_version,
        )


def _text(answer: _Answer) -> str | None:
    """The text of a response; None if the model refused or its reply is truncated."""
    choice = answer.choices[0]
    if choice.finish_reason in ("length", "content_filter") or choice.message.refusal:
        return None
    return choice.message.content


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except openai.APITimeoutError as error:
        raise connection_error(OPENAI, timed_out=True) from error
    except openai.APIConnectionError as error:
        raise connection_error(OPENAI, timed_out=False) from error
    except openai.APIStatusError as error:
        raise _refusal(error) from error
    except (openai.OpenAIError, ValueError) as error:
        raise invalid_response_error(OPENAI) from error


def _refusal(error: openai.APIStatusError) -> InterviewWorkerError:
    code = _NOT_FOR_THIS_ONE.get(error.code or "") or _NOT_FOR_THIS_ONE.get(error.type or "")
    if code is not None:
        return Unusable(f"openai answered {error.status_code}: {error.code}", code=code)
    return error_from_status(
        OPENAI, error.status_code, retry_after=error.response.headers.get("retry-after")
    )


def open_provider(context: Context) -> ModelProvider:
    """Create the provider `openai`.

    Raises:
        Unusable: Neither `OPENAI_API_KEY` nor `OPENAI_BASE_URL` is set.
    """
    return ModelProvider(OpenAIChat.of(context))
