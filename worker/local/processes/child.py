"""One child process with a log file."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tasks.errors import InterviewWorkerError
from worker.local.processes import launch

_POLL_SECONDS = 0.03
_TAIL_LINES = 10
_TAIL_BYTES = 8192


class ProcessFailed(InterviewWorkerError):
    """A process did not come up, or ended by itself."""

    code = "process_failed"


class Child:
    """A process that ends when we end, however we end.

    It leads a session of its own, so that the terminal's Ctrl-C reaches us alone and we can stop
    our children in order; whatever it starts itself is killed after it.

    On Linux the kernel kills it when the thread that started it ends, hence only the main thread
    may start one (`PR_SET_PDEATHSIG` in prctl(2)).

    Attributes:
        name: What to call it in messages.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Describe a process; `start` starts it.

        Args:
            name: What to call it in messages.
            argv: The program and its arguments.
            log: The file its output is appended to; it shares ours where there is none.
            env: What to add to the environment it inherits.
        """
        self.name = name
        self._argv = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *argv]
        self._log = log
        self._log_start = 0
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a child process lives only as long as the thread that starts it")
        with contextlib.ExitStack() as stack:
            output = None
            if self._log is not None:
                self._log.parent.mkdir(parents=True, exist_ok=True)
                output = stack.enter_context(self._log.open("ab"))
                self._log_start = output.tell()
            self._process = subprocess.Popen(
                self._argv,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, also of a process that has ended."""
        return self._started.pid

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal, or None as long as it runs."""
        if self._started.returncode is None and self._started.poll() is not None:
            self._kill_group()
        return self._started.returncode

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until the process does its work.

        Args:
            ready: Asks it, and says whether it answered well.
            timeout: How long to wait, in seconds.

        Raises:
            ProcessFailed: It ended, or was not ready in time.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was not ready in {timeout:g} s{self._tail()}")
            time.sleep(_POLL_SECONDS)
        self.check()

    def check(self) -> None:
        """Raise `ProcessFailed`, with its exit code and last words, where the process has ended."""
        if (code := self.exit_code()) is not None:
            raise ProcessFailed(f"{self.name} ended with {_describe(code)}{self._tail()}")

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self.exit_code() is None

    def terminate(self) -> None:
        """Ask the process to end (SIGTERM)."""
        if self.is_running:
            self._started.terminate()

    def kill(self) -> None:
        """End the process and all it started, now."""
        if self.is_running:
            self._kill_group()
            self._started.wait()

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._started.pid, signal.SIGKILL)

    def _tail(self) -> str:
        if self._log is None:
            return ""
        with self._log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, end - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
        return "".join(["; its last words:", *(f"\n  {line}" for line in lines)]) if lines else ""


def stop_all(
    children: Sequence[Child], grace: float, hurry: Callable[[], bool] = lambda: False
) -> None:
    """Ask processes to end, side by side, and end those that do not.

    Args:
        children: The processes; those that do not run are left alone.
        grace: How long they may take, in seconds.
        hurry: Asked all the while; says whether to wait no longer.
    """
    deadline = time.monotonic() + grace
    for child in children:
        child.terminate()
    while any(child.is_running for child in children):
        if hurry() or time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    for child in children:
        child.kill()


def _describe(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
