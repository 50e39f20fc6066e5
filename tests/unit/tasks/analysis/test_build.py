"""Building of reports from findings and measurements."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.analysis.build import analyse
from tasks.analysis.findings import CompetencyFinding, Quote
from tasks.analysis.report import Gate, QuestionStatus, Report, ReportStatus
from tasks.analysis.rubric import rubric_for
from tasks.interviews.documents import to_document
from tasks.interviews.interview import AnalysisType, Stage, StageRecord
from tasks.interviews.transcript import Transcript
from tests.fakes.language import FakeLanguage
from tests.samples import AUDIO, an_interview
from tests.talk import talk

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUBRIC = rubric_for("behavioural")
FIRST = RUBRIC.competencies[0]
TALK = talk(
    ("i", "What happened last winter?"),
    ("c", "Our planner timed out, so I led the response. " + "We looked for the cause. " * 10),
    ("i", "What do you want next?"),
    ("c", "I would like to mentor others."),
)


def report(
    provider: FakeLanguage,
    transcript: Transcript = TALK,
    types: tuple[AnalysisType, ...] = tuple(AnalysisType),
) -> Report:
    audio = AUDIO.model_copy(update={"duration": transcript.duration or 1.0})
    interview = an_interview(
        id="interview-1",
        created_at=NOW,
        audio=audio,
        stages={stage: StageRecord(attempts=2) for stage in Stage},
    )
    return analyse(interview, transcript, RUBRIC, provider, types, NOW)


def claim(*quotes: str, level: int | None = 5, confidence: float = 1.0) -> CompetencyFinding:
    return CompetencyFinding(
        id=FIRST.id,
        level=level,
        rationale="So it seems.",
        quotes=tuple(Quote(text=quote) for quote in quotes),
        confidence=confidence,
    )


def scored(*findings: CompetencyFinding) -> Report:
    return report(FakeLanguage(findings))


def test_a_whole_report() -> None:
    found = report(FakeLanguage())
    assert found.status is ReportStatus.COMPLETE
    assert found.created_at == NOW
    assert found.transcript_sha256 == TALK.sha256
    assert (found.rubric.id, found.rubric.version) == ("behavioural", RUBRIC.version)
    assert found.consent is not None
    assert found.competencies is not None
    assert [one.score for one in found.competencies] == [4] * len(RUBRIC.competencies)
    assert found.competencies[0].anchor == FIRST.anchor(4).description
    assert found.overall is not None
    assert (found.overall.score, found.overall.advisory) == (4.0, True)
    assert Report.model_validate(to_document(found)) == found
    assert Report.model_validate_json(found.model_dump_json()) == found


def test_provenance_tells_every_call() -> None:
    found = report(FakeLanguage()).provenance
    assert [(one.stage, one.part, one.model) for one in found] == [
        ("transcribe", "transcript", "tiny.en"),
        ("analyse", "sentiment", "fake-1"),
        ("analyse", "competencies", "fake-1"),
        ("analyse", "summary", "fake-1"),
    ]
    assert {one.attempt for one in found} == {2}
    assert found[0].tokens is None
    assert found[1].tokens is not None
    assert (found[1].tokens.input, found[1].tokens.output, found[1].cost) == (10, None, 0.25)


@pytest.mark.parametrize(
    ("asked", "calls"),
    [
        (AnalysisType.SENTIMENT, ["sentiment"]),
        (AnalysisType.COMPETENCY, ["competencies"]),
        (AnalysisType.OVERALL, ["competencies", "summary"]),
    ],
)
def test_parts_can_be_asked_for_apart(asked: AnalysisType, calls: list[str]) -> None:
    provider = FakeLanguage()
    found = report(provider, types=(asked,))
    assert provider.calls == calls
    assert (found.sentiment is not None) is (asked is AnalysisType.SENTIMENT)
    assert (found.competencies is not None) is (asked is AnalysisType.COMPETENCY)
    assert (found.overall is not None) is (asked is AnalysisType.OVERALL)
    if found.overall is not None:
        assert found.overall.score == 4.0


@pytest.mark.parametrize(
    "transcript",
    [
        talk(),
        talk(("c", "Yes.")),
        talk(("i", "Hello? " * 100)),
        talk(("?", "What? " * 100)),
        talk(("c", "word " * 100), language="de"),
        TALK.model_copy(update={"duration": 0.0, "segments": ()}),
    ],
    ids=["empty", "one word", "interviewer only", "questions only", "German", "no audio"],
)
def test_a_poor_transcript_is_not_scored(transcript: Transcript) -> None:
    provider = FakeLanguage(languages=frozenset({"en"}))
    found = report(provider, transcript)
    assert provider.calls == []
    assert found.status is ReportStatus.INSUFFICIENT_EVIDENCE
    assert found.input_quality.gate is Gate.FAILED
    assert found.competencies is not None
    assert {one.score for one in found.competencies} == {None}
    assert found.overall is not None
    assert (found.overall.score, found.overall.summary) == (None, None)
    assert found.sentiment is not None
    assert (found.sentiment.timeline, found.sentiment.overall) == ((), None)


def test_invented_quotes_are_dropped() -> None:
    honest = scored(claim("I led the response")).competencies
    mixed = scored(claim("I led the response", "I saved the company")).competencies
    assert honest is not None
    assert mixed is not None
    assert [quote.quote for quote in mixed[0].evidence] == ["I led the response."]
    assert mixed[0].confidence == pytest.approx(honest[0].confidence / 2, abs=0.01)
    assert "dropped" in mixed[0].rationale


@pytest.mark.parametrize(
    "finding",
    [
        claim("I saved the company"),
        claim("What happened last winter?"),
        claim(),
        claim("I led the response", level=None),
    ],
    ids=["invented", "interviewer", "no quote", "no level"],
)
def test_no_evidence_is_no_score(finding: CompetencyFinding) -> None:
    found = scored(finding)
    assert found.status is ReportStatus.INSUFFICIENT_EVIDENCE
    assert found.competencies is not None
    first = found.competencies[0]
    assert (first.score, first.anchor, first.evidence, first.confidence) == (None, None, (), 0.0)
    assert [one.competency for one in found.follow_ups] == [one.id for one in RUBRIC.competencies]


def test_a_gap_makes_the_report_partial() -> None:
    found = scored(claim("I led the response"), claim("so I led", level=1))
    assert found.status is ReportStatus.PARTIAL
    assert found.competencies is not None
    assert [one.score for one in found.competencies] == [5, None, None, None, None]
    assert found.overall is not None
    assert found.overall.score is None  # a third of the rubric is too little for an overall score
    assert found.overall.confidence < found.competencies[0].confidence


def test_unknown_competencies_are_ignored() -> None:
    strange = claim("I led the response").model_copy(update={"id": "obedience"})
    assert scored(strange).status is ReportStatus.INSUFFICIENT_EVIDENCE


def test_evidence_goes_to_the_question_it_answers() -> None:
    found = scored(claim("I led the response")).questions
    assert [(one.id, one.status, one.score) for one in found] == [
        ("q1", QuestionStatus.ANSWERED, 5.0),
        ("q2", QuestionStatus.ANSWERED, None),
    ]
    assert [quote.quote for quote in found[0].evidence] == ["I led the response."]
    assert found[0].start_ms == 0
    assert found[1].summary == "I would like to mentor others."


def test_unknown_speakers_lower_the_confidence() -> None:
    mono = talk(*(("?", segment.text) for segment in TALK.segments))
    known, unknown = report(FakeLanguage()), report(FakeLanguage(), mono)
    assert known.overall is not None
    assert unknown.overall is not None
    assert unknown.overall.confidence < known.overall.confidence
    assert "Speakers are not separated" in unknown.input_quality.notes[0]
    assert unknown.delivery.talk_ratio is None


@settings(max_examples=20)
@given(st.floats(-1, 1))
def test_sentiment_never_enters_a_score(sentiment: float) -> None:
    neutral, moved = (report(FakeLanguage(sentiment=mood)) for mood in (0.0, sentiment))
    assert moved.sentiment is not None
    assert moved.sentiment.overall == pytest.approx(sentiment, abs=0.001)
    assert moved.sentiment.used_in_overall is False
    assert moved.model_copy(update={"sentiment": neutral.sentiment}) == neutral


def test_sentiment_is_the_candidates() -> None:
    found = report(FakeLanguage(sentiment=0.5), types=(AnalysisType.SENTIMENT,)).sentiment
    assert found is not None
    assert [mood.segment_id for mood in found.timeline] == [0, 1, 2, 3]
    assert found.basis == "transcript_text"


def test_a_huge_segment_is_analysed() -> None:
    found = report(FakeLanguage(), talk(("c", "I fixed the bug " * 5_000)))
    assert found.input_quality.candidate_words == 20_000
    assert found.competencies is not None
    assert len(found.competencies[0].evidence[0].quote) < 1000
