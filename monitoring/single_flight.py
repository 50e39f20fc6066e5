"""Asking something that may hang, without hanging."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from tasks.errors import Transient

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """What came of asking.

    Attributes:
        value: What was answered; None where nothing was.
        error: Why nothing was.
        seconds: How long it took, or how long it has been taking.
    """

    value: T | None
    error: Exception | None
    seconds: float


class SingleFlight(Generic[T]):
    """Asks in a thread of its own, and waits only so long.

    Who asks while the question before is still unanswered waits for that one's answer: however
    often something that hangs is asked, it keeps one thread.

    Args:
        function: The question.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._pending: _Call[T] | None = None

    def begin(self) -> Callable[[float], Result[T]]:
        """Ask.

        Returns:
            Waits for the answer until a moment (of `time.monotonic`), and gives it.
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
