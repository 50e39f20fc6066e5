"""Fallback and retries: the providers called, the number of calls, and the resulting error."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import stamina

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from monitoring.signals import providers, stages
from tasks.analysis.findings import ModelCall, SummaryFinding
from tasks.errors import (
    CircuitOpen,
    InterviewWorkerError,
    NotFound,
    Permanent,
    Superseded,
    Transient,
    Unusable,
)
from tasks.interviews.transcript import Transcript
from tasks.lease import renewing
from tasks.ports import LanguageProvider, Progress, SpeechProvider
from tasks.providers.language import LanguageProviders
from tasks.providers.speech import SpeechProviders
from tests.fakes.language import FakeLanguage
from tests.fakes.ledger import MemoryLedger
from tests.fakes.speech import ScriptedSpeech
from tests.monitoring.figures import Figures, figures_of
from tests.samples import AUDIO, TECHNICAL, true_transcript
from tests.timing import allowed, wait_until
from worker.adapters.billing import Budgets
from worker.adapters.resilience.retry import StaminaRetry

SAID = true_transcript("technical", speakers=False)
AWAY = Transient("it is away", code="away")


class Scripted(FakeLanguage):
    """Raises the given errors, one per call, and then succeeds."""

    def __init__(self, name: str, *errors: InterviewWorkerError, languages: str = "en") -> None:
        super().__init__(languages=frozenset(languages.split(",")))
        self._name = name
        self.errors = list(errors)

    @property
    def name(self) -> str:
        return self._name

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        self.calls.append("summary")
        if self.errors:
            raise self.errors.pop(0)
        call = ModelCall(provider=self.name, model="m")
        return SummaryFinding(text=transcript.text[:9], confidence=1.0, call=call)


class Speech(ScriptedSpeech):
    def __init__(self, name: str, script: Callable[[Progress], None] = lambda _: None) -> None:
        super().__init__(script)
        self._name = name
        self.heard = self.heard.model_copy(update={"provider": name})

    @property
    def name(self) -> str:
        return self._name


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    with providers.connected(recorder), stages.connected(recorder):
        yield recorder


@pytest.fixture
def no_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


def patience(attempts: int = 3, seconds: float = 60, time_limit: float = 3600) -> StaminaRetry:
    return StaminaRetry(attempts=attempts, seconds=seconds, time_limit=time_limit)


def languages(
    *several: LanguageProvider, admit: Callable[[str], None] = lambda _: None
) -> LanguageProviders:
    return LanguageProviders(several, patience(), admit)


def fallbacks(figures: Figures) -> dict[tuple[str, ...], float]:
    return figures.by_labels(metrics.ANALYSIS_FALLBACKS)


@pytest.mark.usefixtures("no_pauses")
def test_asks_again_then_the_next(recorder: Recorder) -> None:
    first, second = Scripted("first", AWAY, AWAY, AWAY, AWAY), Scripted("second", AWAY)
    call = languages(first, second).summarise(SAID).call
    assert (call.provider, call.fallback_from) == ("second", "first")
    assert (len(first.calls), len(second.calls)) == (3, 2)
    figures = figures_of(recorder)
    assert fallbacks(figures) == {("overall", "first", "second"): 1}
    assert figures.by_labels(metrics.EXTERNAL_RETRIES) == {
        ("first", "away"): 2,
        ("second", "away"): 1,
    }
    assert figures.by_labels(metrics.ANALYSES) == {
        ("overall", "first", "error"): 3,
        ("overall", "second", "error"): 1,
        ("overall", "second", "success"): 1,
    }


def test_whoever_answers_first_has_nobody_before(recorder: Recorder) -> None:
    second = Scripted("second")
    call = languages(Scripted("first"), second).summarise(SAID).call
    assert (call.provider, call.fallback_from) == ("first", None)
    assert second.calls == []
    assert fallbacks(figures_of(recorder)) == {}


@pytest.mark.parametrize("error", [Unusable("no key"), CircuitOpen("left alone", retry_after=1)])
def test_who_cannot_be_used_is_asked_once(error: InterviewWorkerError) -> None:
    first, second = Scripted("first", error), Scripted("second")
    assert languages(first, second).summarise(SAID).call.fallback_from == "first"
    assert len(first.calls) == 1


@pytest.mark.parametrize("error", [Permanent("nonsense"), NotFound("gone"), Superseded("late")])
def test_what_is_wrong_with_the_question_is_not_passed_on(
    recorder: Recorder, error: InterviewWorkerError
) -> None:
    second = Scripted("second")
    with pytest.raises(type(error)) as caught:
        languages(Scripted("first", error), second).summarise(SAID)
    assert caught.value is error
    assert second.calls == []
    assert fallbacks(figures_of(recorder)) == {}


def test_passes_over_who_does_not_understand_the_language(recorder: Recorder) -> None:
    german = Scripted("german", languages="de")
    both = languages(german, Scripted("english", languages="en,fr"))
    assert both.languages == frozenset({"de", "en", "fr"})
    assert both.summarise(SAID).call.fallback_from is None
    assert german.calls == []
    assert fallbacks(figures_of(recorder)) == {}
    with pytest.raises(Unusable):
        both.summarise(SAID.model_copy(update={"language": "fi"}))
    assert languages(german, FakeLanguage()).languages is None


def verdict(*errors: InterviewWorkerError) -> InterviewWorkerError:
    several = [Scripted(f"{n}", error) for n, error in enumerate(errors)]
    chain = LanguageProviders(several, patience(attempts=1))
    with pytest.raises(InterviewWorkerError) as caught:
        chain.summarise(SAID)
    return caught.value


@pytest.mark.parametrize(
    ("first", "second", "retry_after"),
    [(30.0, 10.0, 10.0), (10.0, 30.0, 10.0), (None, 10.0, None), (10.0, None, None)],
)
def test_of_those_who_may_answer_later_the_soonest_counts(
    first: float | None, second: float | None, retry_after: float | None
) -> None:
    error = verdict(
        Transient("1", retry_after=first),
        Unusable("no key"),
        Transient("2", code="two", retry_after=second),
    )
    assert isinstance(error, Transient)
    assert (error.message, error.code, error.retry_after) == ("2", "two", retry_after)


def test_where_nobody_may_answer_later_the_last_one_counts() -> None:
    last = Unusable("no money")
    assert verdict(Unusable("no key"), last) is last
    assert verdict(AWAY) is AWAY


def test_does_not_wait_for_who_asks_for_more_than_is_left() -> None:
    first = Scripted("first", Transient("busy", retry_after=61))
    assert languages(first, Scripted("second")).summarise(SAID).call.provider == "second"
    assert len(first.calls) == 1


def test_waits_for_as_long_as_it_is_asked_to() -> None:
    provider = Scripted("first", Transient("busy", retry_after=0.3))
    pauses: list[float] = []
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("tenacity.nap.time.sleep", pauses.append)
        languages(provider).summarise(SAID)
    (pause,) = pauses
    # Plus random jitter of up to half a second.
    assert 0.3 <= pause <= 0.8


def test_does_not_ask_again_after_the_time_limit_of_the_stage() -> None:
    provider = Scripted("first", AWAY)
    chain = LanguageProviders([provider], patience(time_limit=0.0))
    with pytest.raises(Transient):
        chain.summarise(SAID)
    assert len(provider.calls) == 1


@pytest.mark.usefixtures("no_pauses")
def test_does_not_ask_again_once_the_lease_is_lost() -> None:
    renewals = 0

    def renew() -> None:
        nonlocal renewals
        renewals += 1
        raise Superseded("another run has it")

    class Slow(Scripted):
        def summarise(self, transcript: Transcript) -> SummaryFinding:
            wait_until(lambda: renewals)
            return super().summarise(transcript)

    provider, second = Slow("first", AWAY), Scripted("second")
    # Renewed after a second: long before the lease expires, which would be another error.
    with renewing(renew, timedelta(seconds=allowed(3))), pytest.raises(Superseded):
        languages(provider, second).summarise(SAID)
    assert (len(provider.calls), len(second.calls)) == (1, 0)


def test_does_not_ask_at_all_once_the_lease_has_lapsed() -> None:
    def renew() -> None:
        raise Transient("the database is away")

    provider = Scripted("first")
    with renewing(renew, timedelta(0)), pytest.raises(Transient) as caught:
        languages(provider).summarise(SAID)
    assert caught.value.code == "lease_lapsed"
    assert provider.calls == []


def test_whose_budget_is_spent_is_not_asked(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = date(2026, 3, 1)
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    monkeypatch.setattr("worker.adapters.billing.now", lambda: noon)
    ledger = MemoryLedger()
    admit = Budgets({"first": 5.0}, ledger).admit
    first, second = Scripted("first"), Scripted("second")
    chain = languages(first, second, admit=admit)
    ledger.add("first", today, 4.99)
    ledger.add("first", today - timedelta(days=1), 100)
    assert chain.summarise(SAID).call.provider == "first"
    ledger.add("first", today, 0.01)
    call = chain.summarise(SAID).call
    assert (call.provider, call.fallback_from) == ("second", "first")
    assert len(first.calls) == 1
    figures = figures_of(recorder)
    assert figures.by_labels(metrics.EXTERNAL_BUDGET_SKIPS) == {("first",): 1}
    assert fallbacks(figures) == {("overall", "first", "second"): 1}


def speech(*several: SpeechProvider) -> SpeechProviders:
    return SpeechProviders(several, patience(attempts=1))


def failing(error: InterviewWorkerError) -> Callable[[Progress], None]:
    def script(_: Progress) -> None:
        raise error

    return script


def transcribed(provider: SpeechProviders, progress: Progress = lambda _: None) -> Transcript:
    recording: Path = TECHNICAL
    return provider.transcribe(recording, AUDIO, None, progress)


def test_speech_falls_back(recorder: Recorder) -> None:
    heard = transcribed(speech(Speech("cloud", failing(AWAY)), Speech("local")))
    assert (heard.provider, heard.fallback_from) == ("local", "cloud")
    figures = figures_of(recorder)
    assert figures.by_labels(metrics.TRANSCRIPTION_FALLBACKS) == {("cloud", "local"): 1}
    assert figures.by_labels(metrics.TRANSCRIPTIONS) == {
        ("cloud", "error"): 1,
        ("local", "success"): 1,
    }


@pytest.mark.parametrize("error", [AWAY, Superseded("called off"), NotFound("erased")])
def test_who_cannot_report_is_not_at_fault(recorder: Recorder, error: InterviewWorkerError) -> None:
    def progress(_: float) -> None:
        raise error

    second = Speech("local")
    with pytest.raises(type(error)) as caught:
        transcribed(speech(Speech("cloud", lambda report: report(50.0)), second), progress)
    assert caught.value is error
    assert second.calls == 0
    assert figures_of(recorder).by_labels(metrics.TRANSCRIPTION_FALLBACKS) == {}


def test_the_parts_of_an_analysis_fall_back_apart() -> None:
    first, second = Scripted("first", Unusable("refused")), Scripted("second")
    both = languages(first, second)
    assert both.summarise(SAID).call.provider == "second"
    assert both.summarise(SAID).call.provider == "first"
