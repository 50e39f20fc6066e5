"""Building the report of an interview from measurements and a provider's findings."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from tasks.analysis import scoring
from tasks.analysis.competencies import follow_ups, score_competencies, unscored
from tasks.analysis.evidence import Quotes
from tasks.analysis.findings import ModelCall, SentimentFinding
from tasks.analysis.questions import Exchange, exchanges
from tasks.analysis.report import (
    CompetencyScore,
    Gate,
    InputQuality,
    Mood,
    Overall,
    Provenance,
    Question,
    QuestionStatus,
    Report,
    RubricReference,
    Sentiment,
    Tokens,
)
from tasks.analysis.rubric import Rubric
from tasks.analysis.sentences import Sentence, candidate_sentences, sentences, speakers_known
from tasks.analysis.speaking import delivery, milliseconds
from tasks.interviews.interview import AnalysisType, Interview, Stage
from tasks.interviews.transcript import Speaker, Transcript
from tasks.ports import LanguageProvider


def analyse(
    interview: Interview,
    transcript: Transcript,
    rubric: Rubric,
    provider: LanguageProvider,
    types: Collection[AnalysisType],
    now: datetime,
) -> Report:
    """Analyse a transcript.

    If the transcript does not pass the quality gate, the provider is not called and nothing is
    scored. The overall score is computed from competencies, so requesting `overall` evaluates them
    too; the report includes them only if `competency` was requested as well.

    Args:
        interview: The interview; the caller has checked its consent.
        transcript: Its transcript.
        rubric: The competencies to score.
        provider: The language provider.
        types: The requested parts; all others are null.
        now: The current time.

    Raises:
        Transient, Permanent: The provider failed.
    """
    return _Analysis(interview, transcript, rubric, provider, frozenset(types)).report(now)


@dataclass
class _Analysis:
    interview: Interview
    transcript: Transcript
    rubric: Rubric
    provider: LanguageProvider
    types: frozenset[AnalysisType]

    def __post_init__(self) -> None:
        self.provenance = [
            _provenance(
                self.interview,
                Stage.TRANSCRIBE,
                "transcript",
                _call_of(self.transcript),
            )
        ]

    def report(self, now: datetime) -> Report:
        sentiment = self._sentiment() if AnalysisType.SENTIMENT in self.types else None
        scored = None
        if self.types & {AnalysisType.COMPETENCY, AnalysisType.OVERALL}:
            scored = self._competencies()
        overall = None
        if AnalysisType.OVERALL in self.types:
            overall = self._overall(scored or ())
        shown = scored if AnalysisType.COMPETENCY in self.types else None
        return Report(
            interview_id=self.interview.id,
            created_at=now,
            transcript_sha256=self.transcript.sha256,
            rubric=RubricReference(id=self.rubric.id, version=self.rubric.version),
            status=scoring.status_of(self.quality, scored),
            input_quality=self.quality,
            competencies=shown,
            questions=self._questions(shown or ()),
            delivery=delivery(self.transcript, self.trust),
            sentiment=sentiment,
            overall=overall,
            follow_ups=follow_ups(self.rubric, scored or ()),
            provenance=tuple(self.provenance),
            consent=self.interview.consent,
        )

    @cached_property
    def said(self) -> Sequence[Sentence]:
        return candidate_sentences(self.transcript)

    @cached_property
    def quality(self) -> InputQuality:
        return scoring.input_quality(
            mean_confidence=self.transcript.confidence,
            language=self.transcript.language,
            languages=self.provider.languages,
            transcribed=self.transcript.duration,
            recorded=self.interview.audio.duration,
            candidate_words=sum(sentence.words for sentence in self.said),
            speakers_known=speakers_known(self.transcript),
        )

    @cached_property
    def trust(self) -> float:
        return scoring.input_confidence(self.quality) if self.quality.candidate_words else 0.0

    @property
    def readable(self) -> bool:
        return self.quality.gate is Gate.PASSED

    def _sentiment(self) -> Sentiment:
        if not self.readable:
            return Sentiment(timeline=(), overall=None, confidence=0.0)
        finding = self.provider.sentiment(self.transcript)
        self._record("sentiment", finding.call)
        return _sentiment(self.transcript, finding, self.trust)

    def _competencies(self) -> tuple[CompetencyScore, ...]:
        if not self.readable:
            return unscored(self.rubric, "The transcript's quality is too low for scoring.")
        findings = self.provider.competencies(self.transcript, self.rubric)
        self._record("competencies", findings.call)
        return score_competencies(self.rubric, findings.competencies, Quotes(self.said), self.trust)

    def _overall(self, scored: Sequence[CompetencyScore]) -> Overall:
        summary = None
        if self.readable:
            summary = self.provider.summarise(self.transcript)
            self._record("summary", summary.call)
        scores = {one.id: one.score for one in scored}
        weights = scoring.weights(self.rubric)
        score = scoring.weighted_score(scores, weights)
        # Competencies without a score contribute no confidence, so gaps in the rubric lower the
        # total.
        confidence = round(sum(one.confidence * weights[one.id] for one in scored), 2)
        return Overall(
            score=score,
            summary=summary.text if summary else None,
            summary_confidence=(
                scoring.combined(summary.confidence, self.trust) if summary else None
            ),
            recommendation=scoring.recommendation(score, confidence),
            weights={name: round(weight, 4) for name, weight in weights.items()},
            confidence=confidence,
        )

    def _questions(self, scored: Sequence[CompetencyScore]) -> tuple[Question, ...]:
        found = exchanges(sentences(self.transcript))
        return tuple(
            _question(number, exchange, scored, self.trust)
            for number, exchange in enumerate(found, start=1)
        )

    def _record(self, part: str, call: ModelCall) -> None:
        self.provenance.append(_provenance(self.interview, Stage.ANALYSE, part, call))


def _sentiment(transcript: Transcript, finding: SentimentFinding, trust: float) -> Sentiment:
    scores = {one.segment_id: one.score for one in finding.segments}
    scored_segments = [segment for segment in transcript.segments if segment.id in scores]
    speaker = Speaker.CANDIDATE if speakers_known(transcript) else None
    words = {s.id: len(s.text.split()) for s in scored_segments if s.speaker is speaker}
    total = sum(words.values())
    mean = sum(scores[name] * count for name, count in words.items()) / total if total else None
    return Sentiment(
        timeline=tuple(
            Mood(
                segment_id=segment.id,
                start_ms=milliseconds(segment.start),
                end_ms=milliseconds(segment.end),
                speaker=segment.speaker,
                score=scores[segment.id],
            )
            for segment in scored_segments
        ),
        overall=None if mean is None else round(mean, 3),
        confidence=scoring.combined(finding.confidence, trust),
    )


def _question(
    number: int, exchange: Exchange, scored: Sequence[CompetencyScore], trust: float
) -> Question:
    start, end = milliseconds(exchange.start), milliseconds(exchange.end)
    support = [
        (one.score, quote)
        for one in scored
        for quote in one.evidence
        if one.score is not None and start <= quote.start_ms < end
    ]
    scores = {one.id: one.score for one in scored if set(one.evidence) & {q for _, q in support}}
    known = [score for score in scores.values() if score is not None]
    return Question(
        id=f"q{number}",
        text=exchange.text,
        status=QuestionStatus.ANSWERED if exchange.answered else QuestionStatus.NOT_ANSWERED,
        score=round(sum(known) / len(known), 1) if known else None,
        summary=exchange.opening,
        start_ms=start,
        end_ms=end,
        confidence=round(trust, 2),
        evidence=tuple(dict.fromkeys(quote for _, quote in support)),
    )


def _call_of(transcript: Transcript) -> ModelCall:
    return ModelCall(
        provider=transcript.provider,
        model=transcript.model,
        fallback_from=transcript.fallback_from,
        cost=transcript.cost,
        price_version=transcript.price_version,
    )


def _provenance(interview: Interview, stage: Stage, part: str, call: ModelCall) -> Provenance:
    counted = call.input_tokens is not None or call.output_tokens is not None
    return Provenance(
        stage=stage,
        part=part,
        provider=call.provider,
        model=call.model,
        prompt_version=call.prompt_version,
        attempt=interview.stages[stage].attempts,
        fallback_from=call.fallback_from,
        tokens=Tokens(input=call.input_tokens, output=call.output_tokens) if counted else None,
        cost=call.cost,
        price_version=call.price_version,
    )
