"""A non-blocking log handler that writes to a file descriptor."""

import logging
import os
import queue
import threading
from collections.abc import Callable

_CAPACITY = 10_000
"""Lines that may wait to be written; further ones are dropped."""

_FLUSH = 2.0
"""Seconds to wait for the last lines when a process ends."""


class Pipe(logging.Handler):
    """Writes lines in a thread, so that a slow reader does not block any work.

    The logging thread formats the line, because the contextual attributes are its own. Lines that
    do not fit in the queue are dropped and counted. After a fork, the child starts a thread and a
    queue of its own.

    Args:
        descriptor: The file descriptor to write to.
        dropped: Called for each dropped line.
        capacity: The maximum number of waiting lines.
    """

    def __init__(
        self, descriptor: int, dropped: Callable[[], None], *, capacity: int = _CAPACITY
    ) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._dropped = dropped
        self._capacity = capacity
        self._reset_after_fork()
        os.register_at_fork(after_in_child=self._reset_after_fork)

    def _reset_after_fork(self) -> None:
        self._waiting: queue.Queue[bytes | None] = queue.Queue(self._capacity)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Format and enqueue a record; never raises and never blocks."""
        try:
            self._waiting.put_nowait(f"{self.format(record)}\n".encode())
        except Exception:
            # The queue is full, or the record cannot be formatted; neither may fail the work.
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
                # The reader has closed the pipe, so the error cannot be logged either.
                self._dropped()

    def _write_all(self, line: bytes) -> None:
        # Use one call if the kernel accepts the whole line, so that lines of processes sharing the
        # descriptor do not interleave.
        while line:
            line = line[os.write(self._descriptor, line) :]
