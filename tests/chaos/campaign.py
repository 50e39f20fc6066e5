"""Chaos campaigns: submit interviews, inject faults, and check the outcomes."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tasks.errors import InterviewWorkerError
from tasks.interviews.interview import ACTIVE, Interview, Status
from tasks.ports import Query
from tests.chaos.deaths import Death, Victim
from tests.chaos.effects import EventCheck, Listener, booked_wrongly
from tests.chaos.faults import Fault
from tests.chaos.report import Outcome
from tests.chaos.stack import DoomedStack
from tests.timing import patience
from worker.bootstrap import Stores, open_stores

_AT_ONCE = 6
"""Interviews in progress at a time, so that recovery time does not include queueing."""

_GIVEN_UP = patience(150)
"""Seconds after the last fault until an unfinished interview counts as lost."""

_TELLING = patience(20)
"""Seconds after the last interview ended until all end events must have been published."""

_PAUSE = 0.2 if os.environ.get("CHAOS") == "long" else 0.05
"""Seconds between two polls; each reads all interviews, so frequent polls load the database."""


@dataclass
class Phase:
    """The interviews of a phase, from the client's point of view."""

    name: str
    began: datetime
    attempts: list[Future[str]] = field(default_factory=list)

    @property
    def person(self) -> str:
        """The prefix of the addresses of this phase's interviewers."""
        return self.name.replace(" ", "-").lower()

    def acknowledged(self) -> list[str]:
        return [each.result() for each in self.attempts if each.done() and not each.exception()]

    def is_answered(self) -> bool:
        return all(each.done() for each in self.attempts)


class Campaign:
    """Several phases on one stack, each with its own interviews.

    Args:
        stack: The stack.
        clip: The recording of each interview.
        listener: Collects their events; None to skip the check of events.
    """

    def __init__(self, stack: DoomedStack, clip: Path, listener: Listener | None) -> None:
        self._stack = stack
        self._clip = clip
        self._listener = listener

    def die(self, name: str, count: int) -> Outcome:
        """Submit at least `count` interviews, until all planned crashes have happened."""
        with self._phase(name) as (phase, stores):
            while len(phase.attempts) < count or self._stack.deaths.planned():
                self._submit_another(phase, stores)
            ends = self._finish(phase, stores)
        deaths = sorted(self._stack.deaths.done(), key=lambda death: death.at)
        waits = [wait for one in ends if (wait := _since_last(deaths, one)) is not None]
        return self._outcome(phase, ends, waits)

    def suffer(self, name: str, count: int, fault: Fault, seconds: float) -> Outcome:
        """Submit interviews, and inject a fault for some seconds after a third of them."""
        with self._phase(name) as (phase, stores):
            while len(phase.attempts) < count // 3:
                self._submit_another(phase, stores)
            with fault(self._stack):
                over = time.monotonic() + seconds
                while (rest := over - time.monotonic()) > 0:
                    if len(phase.attempts) < count * 2 // 3:
                        self._submit(phase)
                    time.sleep(min(rest, _PAUSE))
            over_at = datetime.now(UTC)
            while len(phase.attempts) < count:
                self._submit_another(phase, stores)
            ends = self._finish(phase, stores)
        waits = [
            (one.finished_at - over_at).total_seconds()
            for one in ends
            if one.finished_at and one.created_at < over_at < one.finished_at
        ]
        return self._outcome(phase, ends, waits)

    @contextmanager
    def _phase(self, name: str) -> Iterator[tuple[Phase, Stores]]:
        phase = Phase(name, datetime.now(UTC))
        with ExitStack() as stack:
            # The fault must end even if submissions hang because of it.
            self._pool = stack.enter_context(ThreadPoolExecutor(_AT_ONCE))
            stores = stack.enter_context(open_stores(self._stack.running.settings))
            yield phase, stores

    def _submit_another(self, phase: Phase, stores: Stores) -> None:
        if self._look(phase, stores) < _AT_ONCE:
            self._submit(phase)
        time.sleep(_PAUSE)

    def _look(self, phase: Phase, stores: Stores) -> int:
        """Restart crashed processes, and return the number of interviews in progress."""
        self._stack.revive()
        if not self._stack.answers():
            return _AT_ONCE
        query = Query(statuses=ACTIVE, created_from=phase.began, limit=_AT_ONCE)
        try:
            active = len(stores.interviews.find(query))
        except InterviewWorkerError:
            return _AT_ONCE
        return active + sum(not each.done() for each in phase.attempts)

    def _submit(self, phase: Phase) -> None:
        number, api = len(phase.attempts), self._stack.running.api
        particulars = {
            "type": "screening",
            "candidate": {"name": "A", "email": f"candidate-{number}@example.com"},
            "interviewers": [{"name": "B", "email": f"{phase.person}-{number}@example.com"}],
            "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
        }
        phase.attempts.append(self._pool.submit(lambda: api.submit(self._clip, particulars).id))

    def _finish(self, phase: Phase, stores: Stores) -> list[Interview]:
        """Wait for all accepted interviews to end, up to the limit, and read them."""
        deadline = time.monotonic() + _GIVEN_UP
        everything = Query(created_from=phase.began, limit=10_000)
        while True:
            is_over = time.monotonic() > deadline
            if is_over or (phase.is_answered() and self._look(phase, stores) == 0):
                ends = list(stores.interviews.find(everything))
                # Statuses are queried one after the other, so an interview that changes meanwhile
                # may be in no result.
                if is_over or all(one.status.final for one in ends):
                    return ends
            time.sleep(_PAUSE)

    def _outcome(self, phase: Phase, ends: list[Interview], waits: list[float]) -> Outcome:
        running, acknowledged = self._stack.running, phase.acknowledged()
        check = self._check_events(ends)
        gone = set(acknowledged) - {one.id for one in ends}
        return Outcome(
            phase=phase.name,
            submitted=len(phase.attempts),
            acknowledged=len(acknowledged),
            completed=sum(one.status is Status.COMPLETED for one in ends),
            failed=sum(one.status is Status.FAILED for one in ends),
            lost=len(gone) + sum(not one.status.final for one in ends) + check.missing,
            duplicated=check.conflicting + booked_wrongly(running, ends),
            recovered=len(waits),
            longest=round(max(waits, default=0.0), 1),
        )

    def _check_events(self, ends: list[Interview]) -> EventCheck:
        """Wait until all end events are published, up to the limit."""
        if self._listener is None:
            return EventCheck(0, 0)
        deadline = time.monotonic() + _TELLING
        while (check := self._listener.check(ends)).missing and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        return check


def _since_last(deaths: Sequence[Death], interview: Interview) -> float | None:
    """Seconds from the last crash that delayed an interview to its end; None if none did.

    The crash of a pool process delays one interview, that of a worker or a sidecar all of them.
    """
    if interview.finished_at is None:
        return None
    begun, ended = interview.created_at.timestamp(), interview.finished_at.timestamp()
    struck = any(death.interview_id == interview.id for death in deaths)
    held_up = [
        death.at
        for death in deaths
        if begun < death.at < ended
        and (death.interview_id == interview.id or death.victim != Victim.CHILD)
    ]
    return ended - held_up[-1] if struck and held_up else None
