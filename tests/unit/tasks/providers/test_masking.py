"""Masking of requests to language models, and restoring of their findings."""

import pytest

from tasks.analysis.competencies import score_competencies
from tasks.analysis.evidence import Quotes
from tasks.analysis.findings import CompetencyFinding, CompetencyFindings, Quote, SummaryFinding
from tasks.analysis.rubric import Rubric, rubric_for
from tasks.analysis.sentences import candidate_sentences
from tasks.interviews.people import Person
from tasks.interviews.transcript import Transcript
from tasks.providers.language import LanguageProviders
from tests.fakes.language import CALL, FakeLanguage
from tests.talk import talk
from tests.timing import within
from worker.adapters.patterns import PatternMasker

MAYA = Person(name="Maya Will-Example", email="maya@example.com")
INES = Person(name="Ines de la Cruz", email="ines@example.com")
RUBRIC = rubric_for("screening")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Hello Maya Will-Example, I am Ines.", "Hello [PERSON_1], I am [PERSON_2]."),
        ("MAYA and Maya's team", "[PERSON_1] and [PERSON_2]'s team"),
        ("Write to maya.r+x@mail.example.co.uk today", "Write to [EMAIL_1] today"),
        ("It is maya at example dot co dot uk.", "It is [EMAIL_1]."),
        ("Call +49 30 901820 or +1 212-456-7890.", "Call [PHONE_1] or [PHONE_2]."),
        ("Call me on 020 7946 0018 tonight", "Call me on [PHONE_1] tonight"),
        ("Call (212) 456-7890.", "Call [PHONE_1]."),
        ("To maya@example.com,ines@mail.example", "To [EMAIL_1],[EMAIL_2]"),
        ("My name is Robin Smith. Robin Smith it is.", "My name is [PERSON_1]. [PERSON_1] it is."),
        ("I will do it in 2019, for 250 users and 10000 requests.", None),
        ("Latency fell from 900 to 120 milliseconds at 95 percent.", None),
        ("", None),
    ],
)
def test_hides_who_people_are_and_reveals_it(text: str, hidden: str | None) -> None:
    mask = PatternMasker().mask((MAYA, INES))
    found = mask.hide(text)
    assert found == (text if hidden is None else hidden)
    assert mask.reveal(found) == text


def test_whoever_was_introduced_is_hidden_from_then_on() -> None:
    mask = PatternMasker().mask(())
    assert mask.hide("My name is Robin.") == "My name is [PERSON_1]."
    assert mask.hide("So Robin did it.") == "So [PERSON_1] did it."


def test_what_was_not_hidden_is_not_revealed() -> None:
    mask = PatternMasker().mask((MAYA,))
    assert mask.reveal("[PERSON_1] and [PHONE_9]") == "[PERSON_1] and [PHONE_9]"


LONG = 50_000


@pytest.mark.parametrize(
    "text",
    [
        "a" * LONG,
        "a@" * LONG,
        "a." * LONG,
        "a@" + "a." * LONG,
        "a at " * LONG,
        "a at b" + " dot ab" * LONG,
        "My name is" + " " * LONG,
        "My name is A. " * LONG,
        " ".join(f"My name is N{n:b}.".replace("0", "o").replace("1", "i") for n in range(5000)),
        " ".join(f"a{n}@example.com" for n in range(5000)),
        "1" * LONG,
        "12 " * LONG,
        "+" * LONG,
        "(" * LONG,
        "(1" * LONG,
        "1-" * LONG,
        " ".join(f"030 {n:06}" for n in range(5000)),
        "[EMAIL_1] " * LONG,
    ],
    ids=lambda text: text[:12],
)
def test_time_is_linear_in_the_length_of_the_text(text: str) -> None:
    mask = PatternMasker().mask((MAYA,))
    # Quadratic patterns take minutes.
    with within(8, before=60):
        assert mask.reveal(mask.hide(text)) == text


class Overheard(FakeLanguage):
    """Records the transcript of a request, and quotes it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        self.heard.append(transcript.model_dump_json())
        finding = CompetencyFinding(
            id=rubric.competencies[0].id,
            level=4,
            rationale=f"{transcript.segments[0].text} So it is.",
            quotes=(Quote(text=transcript.segments[0].text, segment_ids=(0,)),),
            confidence=1.0,
        )
        return CompetencyFindings(competencies=(finding,), call=CALL)

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        self.heard.append(transcript.model_dump_json())
        return SummaryFinding(text=transcript.segments[0].text, confidence=1.0, call=CALL)


def test_the_provider_learns_nothing_and_its_quotes_stand() -> None:
    said = "Maya told Ines to call +49 30 901820 about the outage of the database."
    transcript = talk(("c", said))
    provider = Overheard()
    masked = LanguageProviders([provider]).masked(PatternMasker().mask((MAYA, INES)))
    found = masked.competencies(transcript, RUBRIC)
    summary = masked.summarise(transcript)
    assert len(masked.sentiment(transcript).segments) == 1
    for heard in provider.heard:
        assert "outage of the database" in heard
        assert not any(secret in heard for secret in ("Maya", "Ines", "901820"))
    assert summary.text == said
    scored = score_competencies(
        RUBRIC, found.competencies, Quotes(candidate_sentences(transcript)), 1.0
    )
    assert scored[0].score == 4
    assert scored[0].evidence[0].quote == said
    assert scored[0].rationale == f"{said} So it is."
