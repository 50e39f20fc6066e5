"""Anthropic's Messages API, with structured output by tool use.

https://docs.anthropic.com/en/api/messages
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import anthropic
from pydantic import BaseModel, Field

from tasks.errors import InterviewWorkerError, Unusable
from worker.adapters.endpoints import ANTHROPIC, MESSAGES
from worker.adapters.http.errors import connection_error, error_from_status, invalid_response_error
from worker.adapters.http.instrumented import instrumented_client
from worker.adapters.language.chat import Completion, Message, ResponseFormat
from worker.adapters.language.model import ModelProvider
from worker.adapters.language.settings import AnthropicSettings
from worker.adapters.providers import Bill, CircuitBreaker, Context, Usage

_MAX_OUTPUT_TOKENS = 16_000
"""Tokens. Above about 21 000, the library requires responses to be streamed."""

_CUT_OFF = ("max_tokens", "refusal", "model_context_window_exceeded")


class _Block(BaseModel):
    type: str
    input: Any = None


class _Usage(BaseModel):
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None

    @property
    def read(self) -> int:
        """All input tokens, including cached ones, which `input_tokens` does not include."""
        cached = (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)
        return self.input_tokens + cached


class _Answer(BaseModel):
    """The part of a response that is used; validated here because the library does not."""

    content: tuple[_Block, ...]
    stop_reason: str | None = None
    usage: _Usage


class AnthropicMessages:
    """A `ChatModel` that uses the Messages API.

    Args:
        key: The API key.
        base_url: The base URL of the API; None for Anthropic's own.
        model: The model's name.
        window: The maximum size of a prompt, in tokens.
        timeout: Seconds to wait for a response.
        breaker: The circuit breakers.
        bill: Bills each response.
    """

    name = "anthropic"

    def __init__(
        self,
        *,
        key: str,
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
        self._client = anthropic.Anthropic(
            api_key=key,
            base_url=base_url,
            # No retries by the library: `RetryPolicy` makes them.
            max_retries=0,
            http_client=instrumented_client(ANTHROPIC, {MESSAGES: MESSAGES}, timeout),
            timeout=timeout,
        )

    @classmethod
    def of(cls, context: Context) -> "AnthropicMessages":
        """Create it from the settings.

        Raises:
            Unusable: `ANTHROPIC_API_KEY` is not set.
        """
        settings = context.settings_for(AnthropicSettings)
        if settings.anthropic_api_key is None:
            raise Unusable("ANTHROPIC_API_KEY is not set", code="configuration")
        return cls(
            key=settings.anthropic_api_key.get_secret_value(),
            base_url=settings.anthropic_base_url,
            model=settings.anthropic_model,
            window=settings.anthropic_window,
            timeout=settings.provider_timeout,
            breaker=context.breaker,
            bill=context.bill,
        )

    def complete(
        self, instructions: str, conversation: Sequence[Message], response_format: ResponseFormat
    ) -> Completion:
        """Complete a conversation."""
        messages: list[Any] = [
            {"role": message.role, "content": message.text} for message in conversation
        ]
        tool: Any = {
            "name": response_format.name,
            "description": "Give the answer.",
            "input_schema": dict(response_format.schema),
        }
        with self._breaker(ANTHROPIC, MESSAGES), _translated():
            response = self._client.messages.with_raw_response.create(
                model=self._model,
                max_tokens=_MAX_OUTPUT_TOKENS,
                system=instructions,
                messages=messages,
                tools=[tool],
                tool_choice={"type": "tool", "name": response_format.name},
            )
            answer = _Answer.model_validate_json(response.read())
        return self._billed(answer)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _billed(self, answer: _Answer) -> Completion:
        used = answer.usage
        charge = self._bill(Usage(self.name, self._model, used.read, used.output_tokens))
        text = _text(answer)
        if text is None:
            raise Unusable(
                "anthropic returned no answer, or an incomplete one", code="provider_refusal"
            )
        return Completion(
            text=text,
            model=self._model,
            input_tokens=used.read,
            output_tokens=used.output_tokens,
            cost=charge.cost,
            price_version=charge.price_version,
        )


def _text(answer: _Answer) -> str | None:
    """The input of the tool as JSON; None if the model refused or its reply is truncated."""
    if answer.stop_reason in _CUT_OFF:
        return None
    used = [block for block in answer.content if block.type == "tool_use"]
    return json.dumps(used[0].input) if used else None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except anthropic.APITimeoutError as error:
        raise connection_error(ANTHROPIC, timed_out=True) from error
    except anthropic.APIConnectionError as error:
        raise connection_error(ANTHROPIC, timed_out=False) from error
    except anthropic.APIStatusError as error:
        raise _refusal(error) from error
    except (anthropic.AnthropicError, ValueError) as error:
        raise invalid_response_error(ANTHROPIC) from error


def _refusal(error: anthropic.APIStatusError) -> InterviewWorkerError:
    return error_from_status(
        ANTHROPIC, error.status_code, retry_after=error.response.headers.get("retry-after")
    )


def open_provider(context: Context) -> ModelProvider:
    """Create the provider `anthropic`.

    Raises:
        Unusable: `ANTHROPIC_API_KEY` is not set.
    """
    return ModelProvider(AnthropicMessages.of(context))
