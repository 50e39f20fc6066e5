"""Servers that imitate OpenAI's and Anthropic's APIs, in the formats of their documentation."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.scripted import Answer, Request

Reply = Callable[[Request], object]
"""Makes the object that the model answers with."""


def openai_answer(
    content: str | None,
    *,
    finish_reason: str = "stop",
    refusal: str | None = None,
    tokens: tuple[int, int] = (1200, 300),
) -> dict[str, Any]:
    """A chat completion: https://platform.openai.com/docs/api-reference/chat/object."""
    read, written = tokens
    return {
        "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "object": "chat.completion",
        "created": 1741570283,
        "model": "gpt-5-mini-2025-08-07",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": content,
                    "refusal": refusal,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_fc9f1d7035",
    }


def openai_error(status: int, type: str, code: str | None, **headers: str) -> Answer:  # noqa: A002
    """An error: https://platform.openai.com/docs/guides/error-codes."""
    error = {"message": "It did not work.", "type": type, "param": None, "code": code}
    return Answer(status, {"error": error}, headers)


def anthropic_answer(
    given: object | None,
    *,
    stop_reason: str = "tool_use",
    tokens: tuple[int, int, int, int] = (1000, 300, 150, 50),
) -> dict[str, Any]:
    """A message: https://docs.anthropic.com/en/api/messages."""
    read, written, cached, out_of_cache = tokens
    content: list[dict[str, Any]] = [
        {
            "type": "tool_use",
            "id": "toolu_01A09q90qw90lq917835lq9",
            "name": "answer",
            "input": given,
        }
    ]
    return {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": content if given is not None else [{"type": "text", "text": "No."}],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": read,
            "output_tokens": written,
            "cache_creation_input_tokens": cached,
            "cache_read_input_tokens": out_of_cache,
        },
    }


def anthropic_error(status: int, type: str, **headers: str) -> Answer:  # noqa: A002
    """An error: https://docs.anthropic.com/en/api/errors."""
    error = {"type": type, "message": "It did not work."}
    body = {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}
    return Answer(status, body, headers)


def as_openai(reply: Reply) -> Callable[[Request], Answer]:
    """A script that responds like OpenAI."""
    return lambda request: Answer(body=openai_answer(json.dumps(reply(request))))


def as_anthropic(reply: Reply) -> Callable[[Request], Answer]:
    """A script that responds like Anthropic."""
    return lambda request: Answer(body=anthropic_answer(reply(request)))


def question_in(request: Request) -> str:
    """The last user message in a request to OpenAI or Anthropic."""
    text: str = request.json["messages"][-1]["content"]
    return text


def instructions_in(request: Request) -> str:
    """The system prompt in a request to OpenAI or Anthropic."""
    body: Mapping[str, Any] = request.json
    text: str = body["system"] if "system" in body else body["messages"][0]["content"]
    return text


def wish_in(request: Request) -> tuple[str, dict[str, Any]]:
    """The name and schema of the response format in a request to OpenAI or Anthropic."""
    body: Mapping[str, Any] = request.json
    if "tools" in body:
        (tool,) = body["tools"]
        return tool["name"], tool["input_schema"]
    form = body["response_format"]["json_schema"]
    return form["name"], form["schema"]
