"""Analysis of interviews by a language model.

The form of a model's reply is validated here; its quotes are verified by the analysis.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import Generic, TypeVar

from pydantic import ValidationError
from typing_extensions import override

from tasks.analysis.findings import (
    CompetencyFinding,
    CompetencyFindings,
    ModelCall,
    Quote,
    SegmentSentiment,
    SentimentFinding,
    SummaryFinding,
)
from tasks.analysis.rubric import Rubric
from tasks.errors import Unusable
from tasks.interviews.transcript import Segment, Transcript
from tasks.ports import LanguageProvider
from worker.adapters.language.chat import ChatModel, Completion, Message
from worker.adapters.language.prompts import Prompt, prompt
from worker.adapters.language.replies import (
    COMPETENCIES,
    SENTIMENT,
    SUMMARY,
    CompetencyReply,
    QuoteReply,
    Reply,
    ReplySchema,
)
from worker.adapters.language.splitting import parts, tokens_in

R = TypeVar("R", bound=Reply)

_MAX_PROBLEMS = 10
"""Validation errors that are reported back to the model."""


class ModelProvider(LanguageProvider):
    """A `LanguageProvider` that uses a chat model.

    Args:
        chat: The model.
    """

    def __init__(self, chat: ChatModel) -> None:
        self._chat = chat

    @property
    @override
    def name(self) -> str:
        return self._chat.name

    @property
    @override
    def languages(self) -> None:
        return None

    def close(self) -> None:
        """Close all connections."""
        self._chat.close()

    @override
    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        inquiry = self._inquiry("sentiment", SENTIMENT)
        replies = [inquiry.ask(part) for part in inquiry.parts(transcript)]
        known = {segment.id for segment in transcript.segments}
        # Duplicate scores and scores of unknown segments are dropped.
        scores = {one.segment: one.score for each in replies for one in each.segments}
        return SentimentFinding(
            segments=tuple(
                SegmentSentiment(segment_id=number, score=score)
                for number, score in scores.items()
                if number in known
            ),
            confidence=fmean(each.confidence for each in replies),
            call=inquiry.call(),
        )

    @override
    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        inquiry = self._inquiry("competencies", COMPETENCIES)
        found: defaultdict[str, list[CompetencyReply]] = defaultdict(list)
        for part in inquiry.parts(transcript, rubric):
            # The first of two findings on the same competency counts.
            replied = {one.id: one for one in reversed(inquiry.ask(part, rubric).competencies)}
            for name, one in replied.items():
                found[name].append(one)
        known = frozenset(segment.id for segment in transcript.segments)
        return CompetencyFindings(
            competencies=tuple(
                _merged(found[one.id], known) for one in rubric.competencies if one.id in found
            ),
            call=inquiry.call(),
        )

    @override
    def summarise(self, transcript: Transcript) -> SummaryFinding:
        inquiry = self._inquiry("summary", SUMMARY)
        replies = [inquiry.ask(part) for part in inquiry.parts(transcript)]
        return SummaryFinding(
            text=" ".join(each.text for each in replies),
            confidence=fmean(each.confidence for each in replies),
            call=inquiry.call(),
        )

    def _inquiry(self, name: str, schema: ReplySchema[R]) -> "_Inquiry[R]":
        return _Inquiry(self._chat, prompt(name), schema)


class _Inquiry(Generic[R]):
    """One prompt, sent for each part of a transcript."""

    def __init__(self, chat: ChatModel, prompt: Prompt, schema: ReplySchema[R]) -> None:
        self._chat = chat
        self._prompt = prompt
        self._schema = schema
        self._answers: list[Completion] = []

    def parts(
        self, transcript: Transcript, rubric: Rubric | None = None
    ) -> Iterator[tuple[Segment, ...]]:
        """Split a transcript into parts that fit the model's window."""
        around = self._prompt.instructions + self._prompt.render((), rubric)
        return parts(transcript, max(self._chat.window - tokens_in(around), 1))

    def ask(self, part: tuple[Segment, ...], rubric: Rubric | None = None) -> R:
        """Send the prompt for a part; if the reply is invalid, report the errors and ask once more.

        Raises:
            Unusable: The second reply is invalid too.
        """
        question = Message("user", self._prompt.render(part, rubric))
        answer = self._complete([question])
        try:
            return self._schema.read(answer)
        except ValidationError as error:
            answer = self._complete([question, *_once_more(answer, error)])
        try:
            return self._schema.read(answer)
        except ValidationError as error:
            message = f"{self._chat.name} gave an invalid reply"
            # The error itself is not chained: it quotes the reply, which may quote the interview.
            cause = ValueError(f"{error.error_count()} faults")
            raise Unusable(message, code="provider_invalid_answer") from cause

    def call(self) -> ModelCall:
        """The usage of all calls together."""
        first = self._answers[0]
        return ModelCall(
            provider=self._chat.name,
            model=first.model,
            prompt_version=self._prompt.version,
            input_tokens=_sum(answer.input_tokens for answer in self._answers),
            output_tokens=_sum(answer.output_tokens for answer in self._answers),
            cost=_sum(answer.cost for answer in self._answers),
            price_version=first.price_version,
        )

    def _complete(self, conversation: Sequence[Message]) -> str:
        answer = self._chat.complete(
            self._prompt.instructions, conversation, self._schema.response_format
        )
        self._answers.append(answer)
        return answer.text


N = TypeVar("N", int, float)


def _sum(numbers: Iterable[N | None]) -> N | None:
    """The sum; None if any number is None."""
    total: N | None = None
    for number in numbers:
        if number is None:
            return None
        total = number if total is None else total + number
    return total


def _once_more(answer: str, error: ValidationError) -> list[Message]:
    faults = [
        f"- {'.'.join(map(str, one['loc'])) or 'the answer'}: {one['msg']}"
        for one in error.errors()[:_MAX_PROBLEMS]
    ]
    listed = "\n".join(faults)
    return [
        Message("assistant", answer or "{}"),
        Message("user", f"That cannot be used:\n{listed}\nGive the whole answer again, mended."),
    ]


def _merged(replies: Sequence[CompetencyReply], known: frozenset[int]) -> CompetencyFinding:
    """Merge the findings for one competency from all parts: the mean of the levels."""
    informative = [(one, one.level) for one in replies if one.level is not None and one.quotes]
    if not informative:
        return CompetencyFinding(
            id=replies[0].id, level=None, rationale=replies[0].rationale, confidence=0.0
        )
    quotes = sum(len(one.quotes) for one, _ in informative)
    mean = sum(level * len(one.quotes) for one, level in informative) / quotes
    return CompetencyFinding(
        id=replies[0].id,
        level=int(mean + 0.5),
        rationale=" ".join(one.rationale for one, _ in informative),
        quotes=tuple(_quote(quote, known) for one, _ in informative for quote in one.quotes),
        confidence=fmean(one.confidence for one, _ in informative),
    )


def _quote(quote: QuoteReply, known: frozenset[int]) -> Quote:
    return Quote(
        text=quote.text, segment_ids=tuple(number for number in quote.segments if number in known)
    )
