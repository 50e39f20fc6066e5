"""From the code that logs to a file descriptor, without the code waiting for it."""

import logging
import os
import queue
import threading
from collections.abc import Callable

_CAPACITY = 10_000
"""Lines that wait to be written; those beyond are dropped."""

_FLUSH = 2.0
"""Seconds that the end of a process waits for its last lines."""


class Pipe(logging.Handler):
    """Writes lines from a thread of its own, so that no slow reader holds up any work.

    A line is formatted by the thread that logs, whose context it tells of. Where the reader is so
    slow that no room is left, lines are dropped and counted. After a fork, the child has a thread
    and a queue of its own.

    Args:
        descriptor: The file descriptor written to.
        dropped: Called for each line that is dropped.
        capacity: How many lines may wait.
    """

    def __init__(
        self, descriptor: int, dropped: Callable[[], None], *, capacity: int = _CAPACITY
    ) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._dropped = dropped
        self._capacity = capacity
        self._begin_anew()
        os.register_at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        self._waiting: queue.Queue[bytes | None] = queue.Queue(self._capacity)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record, and put it in line; never raises and never waits."""
        try:
            self._waiting.put_nowait(f"{self.format(record)}\n".encode())
        except Exception:
            # There is no room, or it cannot be formatted, which must not fail the work.
            self._dropped()
        self._start()

    def flush(self) -> None:
        """Wait until all lines are written, for a few seconds at most."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            return
        try:
            self._waiting.put(None, timeout=_FLUSH)
        except queue.Full:
            return
        thread.join(_FLUSH)

    def _start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._write, name="logs", daemon=True)
                self._thread.start()

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            try:
                self._write_all(line)
            except OSError:
                # Nobody reads any more; there is no better place to say so.
                self._dropped()

    def _write_all(self, line: bytes) -> None:
        # One call where the kernel takes it whole, so that the lines of several processes that
        # share a descriptor do not run into each other.
        while line:
            line = line[os.write(self._descriptor, line) :]
