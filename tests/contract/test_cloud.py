"""The contract of providers, against the real services: `make contract PROVIDER=openai`.

The provider is created from the settings in the environment, as by the service. The requests may
cost a few cents. A provider without its key is skipped.
"""

import os
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tasks.analysis.rubric import rubric_for
from tasks.clock import now
from tasks.errors import MissingExtra, Permanent
from tasks.interviews.people import Interval, Person
from tasks.ports import CalendarProvider, LanguageProvider, Meeting, SpeechProvider
from tests.samples import TECHNICAL, true_transcript
from worker.adapters.media import probe
from worker.adapters.providers import Context
from worker.bootstrap import provider_context
from worker.plugins import CALENDAR, LANGUAGE, SPEECH, P, ProviderKind
from worker.settings import load_settings

NAME = os.environ.get("PROVIDER", "")
OWNER = Person(name="Anna", email="anna@example.com", calendar=os.environ.get("CONTRACT_CALENDAR"))

pytestmark = pytest.mark.skipif(
    not NAME, reason="asks real services, by `make contract PROVIDER=…` only"
)


@pytest.fixture
def context() -> Iterator[Context]:
    with provider_context(load_settings()) as context:
        yield context


def opened(kind: ProviderKind[P], context: Context) -> P:
    if NAME not in kind.known():
        pytest.skip(f"{NAME} is none of {', '.join(kind.known())}")
    try:
        return kind.open(NAME, context)
    except MissingExtra as error:
        pytest.skip(error.message)
    except Permanent as error:
        if error.code != "configuration":
            raise
        pytest.skip(error.message)


@pytest.fixture
def language(context: Context) -> LanguageProvider:
    return opened(LANGUAGE, context)


@pytest.fixture
def speech(context: Context) -> SpeechProvider:
    return opened(SPEECH, context)


@pytest.fixture
def calendar(context: Context) -> CalendarProvider:
    if OWNER.calendar is None:
        pytest.skip("CONTRACT_CALENDAR names no calendar in which a meeting may be booked")
    return opened(CALENDAR, context)


def test_understands_an_interview(language: LanguageProvider) -> None:
    transcript, rubric = true_transcript("technical"), rubric_for("technical")
    ids = {segment.id for segment in transcript.segments}
    mood = language.sentiment(transcript)
    assert mood.segments
    assert {one.segment_id for one in mood.segments} <= ids
    found = language.competencies(transcript, rubric)
    assert {one.id for one in found.competencies} <= {one.id for one in rubric.competencies}
    scored = [one for one in found.competencies if one.level is not None]
    assert scored
    assert all(one.quotes and ids.issuperset(one.quotes[0].segment_ids) for one in scored)
    summary = language.summarise(transcript)
    assert len(summary.text.split()) >= 10
    assert {mood.call.provider, found.call.provider, summary.call.provider} == {NAME}


def test_hears_what_is_said(speech: SpeechProvider) -> None:
    progress: list[float] = []
    audio = probe(TECHNICAL, name=TECHNICAL.name, max_duration=3600)
    heard = speech.transcribe(TECHNICAL, audio, None, progress.append)
    assert (heard.provider, heard.language) == (NAME, "en")
    words = set(heard.text.lower().replace(",", "").replace(".", "").split())
    truth = true_transcript("technical").text.lower().replace(",", "").replace(".", "").split()
    assert sum(word in words for word in truth) >= 0.7 * len(truth)
    starts = [segment.start for segment in heard.segments]
    assert starts == sorted(starts)
    assert heard.duration == pytest.approx(audio.duration, abs=1)
    assert all(0 <= percent <= 100 for percent in progress)


def test_books_moves_and_cancels(calendar: CalendarProvider) -> None:
    where, uid = calendar.calendar_of(OWNER), f"{uuid.uuid4()}@interview-worker"
    start = now().replace(minute=0, second=0, microsecond=0) + timedelta(days=30)
    first = Interval(start=start, end=start + timedelta(minutes=30))
    later = Interval(start=first.end, end=first.end + timedelta(minutes=30))
    both = Interval(start=first.start, end=later.end)

    def overlaps(wanted: Interval) -> bool:
        busy = calendar.busy(where, both, zone="UTC", exclude="none")
        return any(span.overlaps(wanted) for span in busy)

    if overlaps(both):
        pytest.skip(f"the calendar is not free at {start:%Y-%m-%d %H:%M} UTC")
    try:
        assert calendar.book([where], _meeting(uid, first)) == 0
        assert calendar.book([where], _meeting(uid, first)) == 0
        assert (overlaps(first), overlaps(later)) == (True, False)
        assert calendar.book([where], _meeting(uid, later)) == 1
        assert (overlaps(first), overlaps(later)) == (False, True)
        assert not calendar.busy(where, both, zone="UTC", exclude=uid)
    finally:
        calendar.cancel([where], uid)
    calendar.cancel([where], uid)
    assert not overlaps(both)


def _meeting(uid: str, interval: Interval) -> Meeting:
    return Meeting(uid, interval, "UTC", "Contract test of Interview Worker", OWNER, (OWNER,))
