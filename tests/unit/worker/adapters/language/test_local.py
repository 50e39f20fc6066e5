"""The offline provider on sample transcripts, small talk and hostile input."""

import logging
import random
import socket
import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from tasks.analysis.build import analyse
from tasks.analysis.report import Report, ReportStatus
from tasks.analysis.rubric import Rubric, rubric_for
from tasks.errors import MissingExtra
from tasks.interviews.interview import AnalysisType
from tasks.interviews.transcript import Transcript
from tests.samples import AUDIO, an_interview, true_transcript
from tests.sentences import HOSTILE, OFF_TOPIC, ON_TOPIC
from tests.talk import talk
from worker.adapters.language.embeddings import Embeddings
from worker.adapters.language.local import LocalProvider
from worker.adapters.language.matching import Matcher
from worker.adapters.language.summary import choose, representation

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def provider() -> LocalProvider:
    provider = LocalProvider()
    provider.load()
    return provider


def analysed(provider: LocalProvider, transcript: Transcript, kind: str) -> Report:
    audio = AUDIO.model_copy(update={"duration": transcript.duration})
    interview = an_interview(id="interview-1", created_at=NOW, type=kind, audio=audio)
    types = tuple(AnalysisType)
    return analyse(interview, transcript, rubric_for(kind), provider, types, NOW)


def scores(report: Report) -> dict[str, int | None]:
    return {one.id: one.score for one in report.competencies or ()}


def quotes(report: Report, competency: str) -> str:
    found = {one.id: one.evidence for one in report.competencies or ()}
    return " ".join(evidence.quote for evidence in found[competency])


def test_the_screening_sample(provider: LocalProvider) -> None:
    report = analysed(provider, true_transcript("screening"), "screening")
    assert "latency dropped" in quotes(report, "problem_solving")
    assert "I listened to her concerns" in quotes(report, "collaboration")
    assert "I listened to her concerns" in quotes(report, "communication")
    assert "I led the response." in quotes(report, "ownership")
    assert "I ask for feedback early" in quotes(report, "learning")
    assert "mentor younger engineers" in quotes(report, "motivation")
    assert all(score is not None and score >= 3 for score in scores(report).values())
    assert report.overall is not None
    assert report.overall.score is not None
    assert 3.5 <= report.overall.score <= 4.5
    assert 0.3 < report.overall.confidence < 0.7
    assert report.sentiment is not None
    moods = {mood.segment_id: mood.score for mood in report.sentiment.timeline}
    assert moods[8] > 0.3 > -0.3 > moods[2]


@pytest.mark.parametrize("speakers", [True, False])
def test_the_technical_sample(provider: LocalProvider, *, speakers: bool) -> None:
    report = analysed(provider, true_transcript("technical", speakers=speakers), "technical")
    assert "requirements" in quotes(report, "system_design")
    assert "replays the last window" in quotes(report, "reliability")
    assert "I learned to write down the risks" in quotes(report, "learning")
    found = scores(report)
    assert found["system_design"] is not None
    assert found["reliability"] is not None
    assert found["system_design"] >= 4
    assert found["reliability"] >= 4
    assert (report.delivery.talk_ratio is not None) is speakers


def test_is_deterministic(provider: LocalProvider) -> None:
    transcript = true_transcript("screening")
    again = analysed(LocalProvider(), transcript, "screening")
    assert again == analysed(provider, transcript, "screening")


@pytest.mark.parametrize("kind", ["screening", "technical", "behavioural", "default"])
def test_chatter_is_not_scored(provider: LocalProvider, kind: str) -> None:
    report = analysed(provider, talk(("i", "And?"), ("c", " ".join(OFF_TOPIC))), kind)
    assert report.status is ReportStatus.INSUFFICIENT_EVIDENCE
    assert set(scores(report).values()) == {None}
    assert len(report.follow_ups) == len(rubric_for(kind).competencies)


def test_nonsense_is_not_scored(provider: LocalProvider) -> None:
    words = " ".join(OFF_TOPIC).replace(".", "").lower().split()
    random.Random(7).shuffle(words)
    text = ". ".join(" ".join(words[i : i + 9]) for i in range(0, len(words), 9))
    report = analysed(provider, talk(("c", text)), "screening")
    assert set(scores(report).values()) == {None}


def test_orders_to_the_machine_change_nothing(provider: LocalProvider) -> None:
    transcript = true_transcript("screening")
    plain = analysed(provider, transcript, "screening")
    last = transcript.segments[-1]
    hostile = last.model_copy(update={"text": f"{last.text} {' '.join(HOSTILE)}"})
    segments = (*transcript.segments[:-1], hostile)
    attacked = analysed(provider, transcript.model_copy(update={"segments": segments}), "screening")
    assert scores(attacked) == scores(plain)
    for one, other in zip(plain.competencies or (), attacked.competencies or (), strict=True):
        assert other.evidence == one.evidence
        # The embeddings of a larger batch of sentences differ in their last bits, so that a
        # confidence may be rounded to another hundredth.
        assert other.confidence == pytest.approx(one.confidence, abs=0.011)
    assert plain.overall is not None
    assert attacked.overall is not None
    assert attacked.overall.score == plain.overall.score


def test_knows_what_a_sentence_is_about() -> None:
    embeddings = Embeddings()
    matcher = Matcher(_everything(), embeddings)
    asked = [(name, text) for name, texts in ON_TOPIC.items() for text in texts]
    found = matcher.matches(embeddings.embed([text for _, text in asked]))
    right = sum(n in {hit.sentence for hit in found[name]} for n, (name, _) in enumerate(asked))
    chatter = matcher.matches(embeddings.embed(OFF_TOPIC))
    astray = {hit.sentence for hits in chatter.values() for hit in hits}
    # 28 and 1 at the time of writing; rewording a rubric may change a few results.
    assert right >= 0.8 * len(asked)
    assert len(astray) <= 0.05 * len(OFF_TOPIC)


def _everything() -> Rubric:
    named = {
        one.id: one
        for kind in ("screening", "technical", "behavioural")
        for one in rubric_for(kind).competencies
    }
    return Rubric(id="everything", competencies=tuple(named.values()))


def test_the_test_is_fair() -> None:
    examples = {
        example
        for one in _everything().competencies
        for anchor in one.anchors
        for example in anchor.examples
    }
    assert not examples & {text for texts in ON_TOPIC.values() for text in texts}


def test_better_answers_score_higher(provider: LocalProvider) -> None:
    rubric = rubric_for("screening")
    weak, strong = (
        provider.competencies(talk(("c", answer)), rubric).competencies[1].level
        for answer in (
            "I had no idea why it broke. I restarted it and hoped the problem would go away.",
            "I traced the failure to its root cause and fixed it. The error rate fell to zero.",
        )
    )
    assert weak is not None
    assert strong is not None
    assert weak <= 2 < 4 <= strong


def test_a_segment_without_an_end_is_read(provider: LocalProvider) -> None:
    endless = talk(("c", "we fixed the bug " * 5000 + "x" * 100_000 + " 🙂 \u0000 é" * 100))
    findings = provider.competencies(endless, rubric_for("screening"))
    assert len(findings.competencies) == 6
    assert len(provider.sentiment(endless).segments) == 1
    assert provider.summarise(endless).text


def test_texts_without_a_word_have_no_direction() -> None:
    vectors = Embeddings().embed(["", " ", "I fixed it."])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1).round(3).tolist()[0] == 0.0


def test_never_asks_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    provider = LocalProvider()
    provider.load()
    assert provider.summarise(true_transcript("technical")).text


@pytest.mark.parametrize("package", ["wordllama", "vader"])
def test_names_the_missing_extra(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"pip install 'interview-worker\[local\]'"):
        LocalProvider().load()


def test_leaves_logging_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    for name in [name for name in sys.modules if name.split(".")[0] == "wordllama"]:
        monkeypatch.delitem(sys.modules, name)
    level = root.level
    Embeddings()
    assert (root.handlers, root.level) == ([], level)


def test_a_summary_is_chosen_for_variety() -> None:
    close, other = [1.0, 0.0], [0.0, 1.0]
    vectors = np.array([close, close, close, other], dtype=np.float32)
    chosen = choose(vectors, 2)
    assert chosen == [0, 3]
    assert 0 < representation(vectors, chosen) <= 1
    assert choose(vectors, 9) == [0, 1, 2, 3]
    assert choose(vectors[:0], 2) == []
    assert representation(vectors[:0], []) == 0.0
