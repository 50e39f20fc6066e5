"""Calls with a time-out, where concurrent callers share one call."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from tasks.errors import Transient

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """The result of a call.

    Attributes:
        value: The value; None after a failure.
        error: The error; None after a success.
        seconds: The duration, so far if the call has not ended.
    """

    value: T | None
    error: Exception | None
    seconds: float


class SingleFlight(Generic[T]):
    """Runs a function in a thread, and waits a limited time for its result.

    Callers that arrive during a call share its result. A function that hangs therefore occupies a
    single thread, however often it is called.

    Args:
        function: The function.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._pending: _Call[T] | None = None

    def begin(self) -> Callable[[float], Result[T]]:
        """Start a call, or join the current one.

        Returns:
            A function that waits until a deadline (of `time.monotonic`) and returns the result.
        """
        with self._lock:
            if self._pending is None or self._pending.done.is_set():
                self._pending = _Call(self._function)
            return self._pending.wait


class _Call(Generic[T]):
    def __init__(self, function: Callable[[], T]) -> None:
        self._started = monotonic()
        self._result: Result[T] | None = None
        self.done = threading.Event()
        threading.Thread(target=self._run, args=(function,), daemon=True).start()

    def wait(self, deadline: float) -> Result[T]:
        self.done.wait(max(0.0, deadline - monotonic()))
        if self._result is not None:
            return self._result
        return Result(None, Transient("no answer in time", code="timeout"), self._elapsed())

    def _run(self, function: Callable[[], T]) -> None:
        try:
            self._result = Result(function(), None, self._elapsed())
        except Exception as error:
            self._result = Result(None, error, self._elapsed())
        self.done.set()

    def _elapsed(self) -> float:
        return monotonic() - self._started
