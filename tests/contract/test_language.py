"""The contract of `LanguageProvider`, for the fake and the local provider."""

import pytest

from tasks.analysis.rubric import rubric_for
from tasks.interviews.transcript import Transcript
from tasks.ports import LanguageProvider
from tests.fakes.language import FakeLanguage
from tests.samples import true_transcript
from tests.talk import talk
from worker.adapters.language.local import LocalProvider

RUBRIC = rubric_for("screening")
EMPTY = talk()
ONE_WORD = talk(("c", "Yes."))
PUNCTUATION = talk(("c", "… — ?!"), ("?", "🙂"))
SCREENING = true_transcript("screening")
MONO = true_transcript("technical", speakers=False)


@pytest.fixture(scope="module", params=[FakeLanguage, LocalProvider])
def provider(request: pytest.FixtureRequest) -> LanguageProvider:
    made: LanguageProvider = request.param()
    return made


@pytest.fixture(params=[EMPTY, ONE_WORD, PUNCTUATION, SCREENING, MONO])
def transcript(request: pytest.FixtureRequest) -> Transcript:
    made: Transcript = request.param
    return made


def test_has_a_name_and_languages(provider: LanguageProvider) -> None:
    assert provider.name
    assert provider.languages is None or "en" in provider.languages


def test_tells_the_sentiment_of_segments(
    provider: LanguageProvider, transcript: Transcript
) -> None:
    found = provider.sentiment(transcript)
    told = [one.segment_id for one in found.segments]
    assert len(set(told)) == len(told)
    assert set(told) <= {segment.id for segment in transcript.segments}


def test_looks_for_what_the_rubric_names(
    provider: LanguageProvider, transcript: Transcript
) -> None:
    found = [one.id for one in provider.competencies(transcript, RUBRIC).competencies]
    assert len(set(found)) == len(found)
    assert set(found) <= {one.id for one in RUBRIC.competencies}


def test_has_quotes_for_every_level(provider: LanguageProvider, transcript: Transcript) -> None:
    ids = {segment.id for segment in transcript.segments}
    for one in provider.competencies(transcript, RUBRIC).competencies:
        assert one.rationale
        assert (one.level is None) or one.quotes
        assert all(quote.text and ids.issuperset(quote.segment_ids) for quote in one.quotes)


@pytest.mark.parametrize("silent", [EMPTY, ONE_WORD, PUNCTUATION])
def test_has_no_level_without_evidence(provider: LanguageProvider, silent: Transcript) -> None:
    found = provider.competencies(silent, RUBRIC).competencies
    assert all(one.level is None for one in found)


def test_finds_something_in_an_interview(provider: LanguageProvider) -> None:
    found = provider.competencies(SCREENING, RUBRIC).competencies
    assert any(one.level is not None for one in found)


def test_summarises(provider: LanguageProvider, transcript: Transcript) -> None:
    assert isinstance(provider.summarise(transcript).text, str)
    assert provider.summarise(SCREENING).text


def test_tells_what_answered(provider: LanguageProvider) -> None:
    for finding in (
        provider.sentiment(SCREENING),
        provider.competencies(SCREENING, RUBRIC),
        provider.summarise(SCREENING),
    ):
        assert finding.call.provider == provider.name
        assert finding.call.model


def test_says_the_same_twice(provider: LanguageProvider) -> None:
    assert provider.competencies(SCREENING, RUBRIC) == provider.competencies(SCREENING, RUBRIC)
