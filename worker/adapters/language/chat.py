"""The interface of chat models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a conversation with a model."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The required format of a reply.

    Attributes:
        name: A name of letters, digits and underscores.
        schema: The JSON schema of an object. All properties are required, no others are allowed.
    """

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Completion:
    """The reply of a model, and its usage.

    Attributes:
        text: The reply: JSON, if the model followed the response format.
        model: The model that replied.
        input_tokens: Tokens read, including cached ones; None if tokens are not counted.
        output_tokens: Tokens written; None if tokens are not counted.
        cost: US dollars; None if the price is unknown.
        price_version: The version of the price list used to compute the cost.
    """

    text: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    price_version: str


class ChatModel(Protocol):
    """A chat model."""

    @property
    def name(self) -> str:
        """The provider's name, as in settings, records and metrics."""

    @property
    def window(self) -> int:
        """The maximum size of a prompt in tokens, without the reply."""

    def complete(
        self, instructions: str, conversation: Sequence[Message], response_format: ResponseFormat
    ) -> Completion:
        """Complete a conversation.

        Args:
            instructions: The system prompt.
            conversation: The messages so far; the last one is the user's.
            response_format: The schema of the reply.

        Raises:
            Transient: A retry may succeed.
            Unusable: The service rejects the key, the quota or this prompt.
            Permanent: The request is invalid.
        """

    def close(self) -> None:
        """Close all connections."""
