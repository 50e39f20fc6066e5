"""Calls a calendar provider: retries and instrumentation in one place.

Fallback is decided by `tasks.scheduling.booking`, because a booking can be changed only in the
calendar system in which it was made.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from typing_extensions import override

from tasks.context import bound_context
from tasks.interviews.people import Interval, Person
from tasks.ports import CalendarProvider, Meeting
from tasks.providers.chain import RetryPolicy, call_once
from tasks.signals import CalendarCalled, calendar_called

A = TypeVar("A")


class InstrumentedCalendar(CalendarProvider):
    """A calendar provider whose calls are retried and counted.

    Every attempt to read or change a calendar sends `calendar_called`. `ping` is neither counted
    nor retried, because a health check needs the current state.

    Args:
        provider: The provider.
        retry: Makes the calls, with retries.
    """

    def __init__(self, provider: CalendarProvider, retry: RetryPolicy = call_once) -> None:
        self._provider = provider
        self._retry = retry

    @property
    @override
    def name(self) -> str:
        return self._provider.name

    @override
    def ping(self) -> None:
        self._provider.ping()

    @override
    def calendar_of(self, person: Person) -> str:
        return self._provider.calendar_of(person)

    @override
    def busy(
        self, calendar: str, window: Interval, *, zone: str, exclude: str
    ) -> Sequence[Interval]:
        return self._call(lambda: self._provider.busy(calendar, window, zone=zone, exclude=exclude))

    @override
    def book(self, calendars: Sequence[str], meeting: Meeting) -> int:
        return self._call(lambda: self._provider.book(calendars, meeting))

    @override
    def cancel(self, calendars: Sequence[str], uid: str) -> None:
        self._call(lambda: self._provider.cancel(calendars, uid))

    @override
    def invitation(self, meeting: Meeting, sequence: int) -> str:
        return self._provider.invitation(meeting, sequence)

    def _call(self, request: Callable[[], A]) -> A:
        def instrumented() -> A:
            with _instrumented(self.name):
                return request()

        return self._retry(self.name, instrumented)


@contextmanager
def _instrumented(provider: str) -> Iterator[None]:
    succeeded = False
    try:
        with bound_context(provider=provider):
            yield
        succeeded = True
    finally:
        calendar_called.send(CalendarCalled(provider, succeeded))
