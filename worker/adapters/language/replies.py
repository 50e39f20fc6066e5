"""Schemas of the replies of language models."""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from worker.adapters.language.chat import ResponseFormat


class Reply(BaseModel):
    """The base of all answers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SegmentReply(Reply):
    """The sentiment of a segment."""

    segment: int
    score: float = Field(ge=-1, le=1)


class SentimentReply(Reply):
    """The sentiment of a transcript."""

    segments: tuple[SegmentReply, ...]
    confidence: float = Field(ge=0, le=1)


class QuoteReply(Reply):
    """The candidate's words, and where they stand."""

    text: str = Field(min_length=1)
    segments: tuple[int, ...]


class CompetencyReply(Reply):
    """What there is to say of one competency."""

    id: str
    level: int | None = Field(ge=1, le=5)
    rationale: str = Field(min_length=1)
    quotes: tuple[QuoteReply, ...]
    confidence: float = Field(ge=0, le=1)


class CompetenciesReply(Reply):
    """What there is to say of a rubric."""

    competencies: tuple[CompetencyReply, ...]


class SummaryReply(Reply):
    """What was talked about."""

    text: str = Field(min_length=1)
    confidence: float = Field(ge=0, le=1)


R = TypeVar("R", bound=Reply)

_NOT_EVERYWHERE = ("title", "description", "minimum", "maximum", "minLength", "default")
"""Keywords that some interfaces refuse; answers are held to them all the same."""


class ReplySchema(Generic[R]):
    """The form of an answer.

    Args:
        name: A name for it.
        reply: The model that answers are held to.
    """

    def __init__(self, name: str, reply: type[R]) -> None:
        self.response_format = ResponseFormat(
            name, _plain(reply.model_json_schema(mode="serialization"))
        )
        self._reply = reply

    def read(self, text: str) -> R:
        """Read an answer.

        Raises:
            pydantic.ValidationError: It is not of this form.
        """
        return self._reply.model_validate_json(text)


def _plain(schema: Any) -> Any:
    """A schema in the keywords that all interfaces know, every property required."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _plain(one) for name, one in schema.items() if name not in _NOT_EVERYWHERE}
    if "properties" in schema:
        # Under `properties` the keys are names, and no keywords.
        kept["properties"] = {name: _plain(one) for name, one in schema["properties"].items()}
        kept |= {"required": list(schema["properties"]), "additionalProperties": False}
    return kept


SENTIMENT = ReplySchema("sentiment", SentimentReply)
COMPETENCIES = ReplySchema("competencies", CompetenciesReply)
SUMMARY = ReplySchema("summary", SummaryReply)
