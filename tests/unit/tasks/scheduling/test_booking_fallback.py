"""Booking with several calendar providers: one event with one provider, despite any failure."""

from collections.abc import Iterator

import pytest
import stamina

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from monitoring.signals import providers
from tasks.errors import InterviewWorkerError, Permanent, Transient, Unusable
from tasks.interviews.interview import Booking, BookingOutcome, Interview
from tasks.ports import Hold
from tasks.providers.calendar import InstrumentedCalendar
from tasks.scheduling.booking import schedule, unschedule
from tasks.scheduling.calendars import Calendars
from tests.fakes.calendar import MemoryCalendar
from tests.fakes.reservations import MemoryReservations
from tests.meetings import NOW, at, interview
from tests.monitoring.figures import figures_of
from worker.adapters.resilience.retry import StaminaRetry

UID = "one@interview-worker"
AWAY = Transient("it is away")
CLOSED = Unusable("it does not let us in")


class Kept(MemoryCalendar):
    """A calendar that fails at chosen operations."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.failing: dict[str, InterviewWorkerError] = {}
        self.asked: list[str] = []
        self.before = self._before

    def _before(self, operation: str) -> None:
        self.asked.append(operation)
        if operation in self.failing:
            raise self.failing[operation]

    @property
    def uids(self) -> set[str]:
        return {uid for events in self.events.values() for uid in events}


class Office:
    def __init__(self) -> None:
        self.first, self.second = Kept("first"), Kept("second")
        self.calendars = Calendars(self.first, self.second)
        self.reservations = MemoryReservations()

    def schedule(self) -> Booking:
        return schedule(interview(), self.calendars, self.reservations, NOW)

    def holds(self) -> str | None:
        hold = self.reservations.holding("one")
        return hold.provider if hold else None


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    with providers.connected(recorder):
        yield recorder


@pytest.mark.parametrize("error", [AWAY, CLOSED])
def test_stands_in_where_calendars_cannot_be_read(
    office: Office, recorder: Recorder, error: InterviewWorkerError
) -> None:
    office.first.failing["busy"] = error
    booking = office.schedule()
    assert (booking.outcome, booking.provider) == (BookingOutcome.BOOKED, "second")
    assert office.holds() == "second"
    assert (office.first.uids, office.second.uids) == (set(), {UID})
    figures = figures_of(recorder)
    assert figures.by_labels(metrics.SCHEDULING_FALLBACKS) == {("first", "second"): 1}


def test_no_second_event_after_an_answer_was_lost(office: Office) -> None:
    office.first.failing["book"] = AWAY
    with pytest.raises(Transient):
        office.schedule()
    assert office.holds() == "first"
    office.first.failing = {"busy": AWAY}
    with pytest.raises(Transient):
        office.schedule()
    assert office.second.asked == []
    office.first.failing.clear()
    assert office.schedule().provider == "first"
    assert (office.first.uids, office.second.uids) == ({UID}, set())


def test_a_repeated_stage_stays_where_it_has_booked(office: Office) -> None:
    office.first.failing["busy"] = AWAY
    booking = office.schedule()
    office.first.failing.clear()
    assert office.schedule() == booking
    assert (office.first.uids, office.second.uids) == (set(), {UID})


def test_moves_over_once_the_event_is_surely_gone(office: Office) -> None:
    office.schedule()
    office.first.failing["busy"] = CLOSED
    assert office.schedule().provider == "second"
    assert (office.first.uids, office.second.uids) == (set(), {UID})


def test_stays_where_the_event_may_be_left(office: Office) -> None:
    office.schedule()
    office.first.failing = {"busy": CLOSED, "cancel": CLOSED}
    with pytest.raises(Unusable):
        office.schedule()
    assert office.holds() == "first"
    assert office.second.uids == set()


def test_who_may_not_write_leaves_nothing_and_is_stood_in_for(office: Office) -> None:
    office.first.failing["book"] = CLOSED
    assert office.schedule().provider == "second"
    assert office.first.asked[-1] == "cancel"


def test_a_stand_in_that_cannot_know_does_not_decide(office: Office) -> None:
    office.first.failing["busy"] = AWAY
    office.second.unreadable.add("/anna@example.com/calendar/")
    with pytest.raises(Transient):
        office.schedule()
    office.first.failing["busy"] = CLOSED
    assert office.schedule().reason == "calendar_unreadable"


def test_an_unreadable_calendar_is_not_looked_for_elsewhere(office: Office) -> None:
    office.first.unreadable.add("/anna@example.com/calendar/")
    assert office.schedule().reason == "calendar_unreadable"
    assert office.second.asked == []


def test_two_runs_agree_on_one_provider(office: Office) -> None:
    """The slower run has already booked when it finds that the other has moved the meeting."""

    def overtaken(operation: str) -> None:
        office.first.asked.append(operation)
        if operation == "book":
            held = office.reservations.holding("one")
            other = Hold(at(11), held.buffer, "second") if held else None
            assert other is not None
            assert office.reservations.reserve("one", ["anna"], other, instead_of=held)

    office.first.before = overtaken
    with pytest.raises(Transient) as caught:
        office.schedule()
    assert caught.value.code == "contention"
    assert (office.first.uids, office.holds()) == (set(), "second")
    assert office.second.asked == []


def test_is_cancelled_where_it_was_booked(office: Office) -> None:
    office.first.failing["busy"] = AWAY
    booking = office.schedule()
    office.first.failing["cancel"] = AWAY
    done = interview().model_copy(update={"booking": booking})
    office.reservations.release("one")
    unschedule(done, office.calendars, office.reservations)
    assert office.second.uids == set()
    assert "cancel" not in office.first.asked


def test_is_cancelled_everywhere_where_nothing_is_known(office: Office) -> None:
    office.schedule()
    office.reservations.release("one")
    unschedule(interview(), office.calendars, office.reservations)
    assert office.first.uids == set()
    assert office.second.asked == ["cancel"]


def test_a_provider_that_is_gone_is_not_replaced(office: Office) -> None:
    office.schedule()
    wanted: Interview = interview()
    with pytest.raises(Permanent) as caught:
        schedule(wanted, Calendars(office.second), office.reservations, NOW)
    assert caught.value.code == "provider_gone"
    assert office.second.asked == []


def test_each_call_is_patient(office: Office) -> None:
    errors = [AWAY, AWAY]

    def before(operation: str) -> None:
        office.first.asked.append(operation)
        if operation == "busy" and errors:
            raise errors.pop()

    office.first.before = before
    patient = InstrumentedCalendar(
        office.first, StaminaRetry(attempts=3, seconds=60, time_limit=60)
    )
    office.calendars = Calendars(patient, office.second)
    with stamina.set_testing(True, attempts=3):
        assert office.schedule().provider == "first"
    assert office.first.asked[:3] == ["busy", "busy", "busy"]
