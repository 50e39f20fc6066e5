"""Delivery, questions and the scoring rules."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.analysis.questions import exchanges
from tasks.analysis.report import Gate, GateReason, InputQuality
from tasks.analysis.rubric import DEFAULT, LEVELS, Competency, rubric_for, rubric_ids
from tasks.analysis.scoring import (
    combined,
    input_confidence,
    input_quality,
    recommendation,
    weighted_score,
    weights,
)
from tasks.analysis.sentences import sentences
from tasks.analysis.speaking import count_fillers, delivery
from tasks.interviews.transcript import Speaker, Transcript
from tests.talk import talk


def test_measures_the_candidate() -> None:
    said = talk(("i", "How are you today?"), ("c", "Um, you know,"), ("c", "I am, um, fine today."))
    found = delivery(said, 0.9)
    # 2 s of the interviewer, 1.5 s and 2.5 s of the candidate, 1 s between them.
    assert found.talk_ratio == {Speaker.INTERVIEWER: 0.333, Speaker.CANDIDATE: 0.667}
    assert found.wpm == 120.0
    assert found.filler_words == {"um": 2, "you know": 1}
    assert found.fillers_per_min == 45.0
    assert found.longest_monologue_ms == 5000
    assert found.longest_pause_ms == 1000


def test_does_not_tell_speakers_apart_by_itself() -> None:
    found = delivery(talk(("?", "Um, hello."), ("?", "Hello.")), 0.5)
    assert (found.talk_ratio, found.wpm, found.filler_words) == (None, None, None)
    assert (found.longest_monologue_ms, found.longest_pause_ms) == (None, 1000)


@pytest.mark.parametrize("said", [talk(), talk(("i", "Hello? Is anybody there?"))])
def test_a_silent_candidate_has_no_pace(said: Transcript) -> None:
    found = delivery(said, 0.0)
    assert (found.wpm, found.fillers_per_min, found.longest_monologue_ms) == (None, None, None)


def test_overlapping_speech_is_no_pause() -> None:
    said = talk(("i", "one two three four"), ("c", "yes"))
    early = said.segments[1].model_copy(update={"start": 0.5, "end": 0.9})
    overlapping = said.model_copy(update={"segments": (said.segments[0], early)})
    assert delivery(overlapping, 1.0).longest_pause_ms == 0


def test_counts_fillers_as_words() -> None:
    assert count_fillers(["UM! An umbrella, sort of; the sort", "of"]) == {"um": 1, "sort of": 1}


def test_pairs_questions_with_answers() -> None:
    found = exchanges(
        sentences(
            talk(
                ("i", "Welcome. How are you?"),
                ("c", "Fine."),
                ("i", "What did you build? And why?"),
                ("c", "I built a cache. " + "It was fast. " * 12),
                ("i", "I see."),
                ("c", "It still runs."),
                ("i", "Thank you, we will let you know."),
                ("c", "Thank you."),
                ("i", "Any question?"),
                ("c", "Um, hmm."),
            )
        )
    )
    assert [one.text for one in found] == [
        "How are you?",
        "What did you build? And why?",
        "Any question?",
    ]
    assert [one.answered for one in found] == [True, True, False]
    assert found[1].answer[-1].text == "It still runs."
    assert found[1].opening is not None
    assert found[1].opening.endswith("It was …")
    assert found[2].opening is None


def test_pairs_questions_in_mono() -> None:
    found = exchanges(sentences(talk(("?", "Hello. Tell me about it. I built it. Why? Fun."))))
    assert [(one.text, one.opening) for one in found] == [
        ("Tell me about it.", "I built it."),
        ("Why?", "Fun."),
    ]


def quality(**particulars: Any) -> InputQuality:
    usual: dict[str, Any] = {
        "mean_confidence": 0.9,
        "language": "en",
        "languages": frozenset({"en"}),
        "transcribed": 100.0,
        "recorded": 100.0,
        "candidate_words": 200,
        "speakers_known": True,
    }
    return input_quality(**{**usual, **particulars})


@pytest.mark.parametrize(
    ("particulars", "reasons"),
    [
        ({}, ()),
        ({"candidate_words": 0}, (GateReason.NO_SPEECH,)),
        ({"candidate_words": 49}, (GateReason.TOO_FEW_WORDS,)),
        ({"mean_confidence": 0.49}, (GateReason.LOW_CONFIDENCE,)),
        ({"mean_confidence": None}, ()),
        ({"transcribed": 49.0}, (GateReason.LOW_COVERAGE,)),
        ({"language": "de"}, (GateReason.UNSUPPORTED_LANGUAGE,)),
        ({"language": "de", "languages": None}, ()),
        ({"language": None}, ()),
    ],
)
def test_the_gate(particulars: dict[str, Any], reasons: tuple[GateReason, ...]) -> None:
    found = quality(**particulars)
    assert found.reasons == reasons
    assert found.gate is (Gate.FAILED if reasons else Gate.PASSED)


def test_missing_audio_is_told() -> None:
    found = quality(transcribed=75.0)
    assert [(span.start_ms, span.end_ms) for span in found.missing_spans] == [(75_000, 100_000)]
    assert (found.audio_coverage, found.gate) == (0.75, Gate.PASSED)
    assert quality(transcribed=99.5).missing_spans == ()
    assert quality(transcribed=101.0).audio_coverage == 1.0


def test_doubts_lower_the_confidence() -> None:
    sure = input_confidence(quality())
    doubts: tuple[dict[str, Any], ...] = (
        {"speakers_known": False},
        {"mean_confidence": None},
        {"transcribed": 80.0},
    )
    for doubt in doubts:
        found = quality(**doubt)
        assert input_confidence(found) < sure
        assert found.notes


RUBRIC = rubric_for("screening")
SCORES = st.fixed_dictionaries(
    {one.id: st.none() | st.sampled_from(LEVELS) for one in RUBRIC.competencies}
)


@given(SCORES)
def test_the_overall_score_is_a_mean(scores: dict[str, int | None]) -> None:
    shares = weights(RUBRIC)
    assert sum(shares.values()) == pytest.approx(1)
    known = [score for score in scores.values() if score is not None]
    found = weighted_score(scores, shares)
    if found is not None:
        assert min(known) <= found <= max(known)
    elif known:
        assert sum(shares[n] for n, score in scores.items() if score is not None) < 0.5


@given(SCORES, st.sampled_from(RUBRIC.competencies))
def test_a_better_score_never_lowers_the_whole(
    scores: dict[str, int | None], competency: Competency
) -> None:
    name, shares = competency.id, weights(RUBRIC)
    level = scores[name]
    if level is None or level == LEVELS[-1]:
        return
    before, after = (weighted_score({**scores, name: n}, shares) for n in (level, level + 1))
    assert before is None or (after is not None and after >= before)


@pytest.mark.parametrize("score", [None, 1.0, 2.5, 3.7, 3.8, 5.0])
def test_advice_is_no_decision(score: float | None) -> None:
    for confidence in (0.0, 0.39, 0.9):
        advice = recommendation(score, confidence)
        assert advice.endswith("This is advice; a person decides.")
        assert not {"hire", "reject", "pass", "fail"} & set(advice.lower().split())
        assert ("little weight" in advice) is (score is not None and confidence < 0.4)


@given(st.lists(st.floats(0, 1), min_size=1))
def test_combining_adds_no_confidence(parts: list[float]) -> None:
    assert 0 <= combined(*parts) <= round(min(parts), 2)


def test_every_rubric_loads() -> None:
    assert rubric_ids() == {"screening", "technical", "behavioural", DEFAULT}
    rubrics = [rubric_for(name) for name in sorted(rubric_ids())]
    assert len({rubric.version for rubric in rubrics}) == len(rubrics)
    for rubric in rubrics:
        assert weights(rubric).keys() == {one.id for one in rubric.competencies}


@pytest.mark.parametrize("name", ["unheard-of", "", "../../secrets", "competencies/learning"])
def test_unknown_types_get_the_default(name: str) -> None:
    assert rubric_for(name) is rubric_for(DEFAULT)


def test_a_rubrics_version_is_its_contents() -> None:
    heavier = RUBRIC.competencies[0].model_copy(update={"weight": 0.9})
    changed = RUBRIC.model_copy(update={"competencies": (heavier, *RUBRIC.competencies[1:])})
    assert changed.version != RUBRIC.version
