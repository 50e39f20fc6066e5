"""Asking something that may hang, without hanging."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from tasks.errors import Transient

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of asking.

    Attributes:
        value: What was answered; None where nothing was.
        error: Why nothing was.
        seconds: How long it took, or how long it has been taking.
    """

    value: T | None
    error: Exception | None
    seconds: float


class Timed(Generic[T]):
    """Asks in a thread of its own, and waits only so long.

    Who asks while the question before is still unanswered waits for that one's answer: however
    often something that hangs is asked, it keeps one thread.

    Args:
        ask: The question.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._pending: _Pending[T] | None = None

    def begin(self) -> Callable[[float], Answer[T]]:
        """Ask.

        Returns:
            Waits for the answer until a moment (of `time.monotonic`), and gives it.
        """
        with self._lock:
            if self._pending is None or self._pending.done.is_set():
                self._pending = _Pending(self._ask)
            return self._pending.wait


class _Pending(Generic[T]):
    def __init__(self, ask: Callable[[], T]) -> None:
        self._started = monotonic()
        self._answer: Answer[T] | None = None
        self.done = threading.Event()
        threading.Thread(target=self._run, args=(ask,), daemon=True).start()

    def wait(self, deadline: float) -> Answer[T]:
        self.done.wait(max(0.0, deadline - monotonic()))
        if self._answer is not None:
            return self._answer
        return Answer(None, Transient("no answer in time", code="timeout"), self._elapsed())

    def _run(self, ask: Callable[[], T]) -> None:
        try:
            self._answer = Answer(ask(), None, self._elapsed())
        except Exception as error:
            self._answer = Answer(None, error, self._elapsed())
        self.done.set()

    def _elapsed(self) -> float:
        return monotonic() - self._started
