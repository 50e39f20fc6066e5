"""A child process with a log file."""

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
    """A process failed to start, or exited unexpectedly."""

    code = "process_failed"


class Child:
    """A child process that ends when its parent ends for any reason.

    It leads its own session, so that the terminal's Ctrl-C reaches only the parent, which stops its
    children in order. When it has exited, the processes that it started are killed.

    On Linux the kernel kills it when the thread that started it ends (`PR_SET_PDEATHSIG` in
    prctl(2)). Therefore only the main thread may start one.

    Attributes:
        name: The name of the process in messages.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Create a process without starting it.

        Args:
            name: The name of the process in messages.
            argv: The program and its arguments.
            log: The file to append its output to; None to share the output of the parent.
            env: Additions to the inherited environment.
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
            raise RuntimeError("start child processes only in the main thread")
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
        """The process id, also after the process has exited."""
        return self._started.pid

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        if self._started.returncode is None and self._started.poll() is not None:
            self._kill_group()
        return self._started.returncode

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until the process is ready.

        Args:
            ready: Returns whether the process is ready.
            timeout: Seconds to wait.

        Raises:
            ProcessFailed: The process exited, or was not ready in time.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was not ready in {timeout:g} s{self._tail()}")
            time.sleep(_POLL_SECONDS)
        self.check()

    def check(self) -> None:
        """Raise `ProcessFailed`, with exit code and last output, if the process has exited."""
        if (code := self.exit_code()) is not None:
            raise ProcessFailed(f"{self.name} ended with {_describe(code)}{self._tail()}")

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and has not exited."""
        return self._process is not None and self.exit_code() is None

    def terminate(self) -> None:
        """Send SIGTERM to the process."""
        if self.is_running:
            self._started.terminate()

    def kill(self) -> None:
        """Kill the process and all processes that it started."""
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
        return "".join(["; last output:", *(f"\n  {line}" for line in lines)]) if lines else ""


def stop_all(
    children: Sequence[Child], grace: float, hurry: Callable[[], bool] = lambda: False
) -> None:
    """Terminate processes in parallel, and kill those that do not exit.

    Args:
        children: The processes; those that are not running are ignored.
        grace: Seconds to wait before they are killed.
        hurry: Polled while waiting; returns whether to kill them now.
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
