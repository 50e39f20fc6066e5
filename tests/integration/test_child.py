import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from tests.processes import is_alive
from tests.timing import allowed, patience, wait_until
from worker.local.processes.child import Child, ProcessFailed, stop_all


def shell(script: str, log: Path, *, env: dict[str, str] | None = None) -> Child:
    return Child("server", ["sh", "-c", script], log=log, env=env)


def test_child_inherits_and_extends_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAPE", "round")
    child = shell('echo "$SHAPE and $COLOUR"', tmp_path / "log", env={"COLOUR": "green"})
    child.start()
    wait_until(lambda: child.exit_code() == 0)
    assert (tmp_path / "log").read_text() == "round and green\n"


def test_early_exit_is_reported_with_the_last_output(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("from the run before\n")
    child = shell("echo first; echo no disk >&2; exit 3", log)
    child.start()
    with pytest.raises(ProcessFailed) as caught:
        child.wait_until(lambda: False, timeout=allowed(10))
    assert caught.value.message == (
        "server ended with exit code 3; last output:\n  first\n  no disk"
    )


def test_readiness_timeout_is_reported(tmp_path: Path) -> None:
    child = shell("echo loading; exec sleep 60", tmp_path / "log")
    child.start()
    wait_until(lambda: "loading" in (tmp_path / "log").read_text())
    with pytest.raises(ProcessFailed, match=r"^server was not ready in 0\.3 s.*\n  loading$"):
        child.wait_until(lambda: False, timeout=0.3)
    child.kill()


def test_a_signal_is_reported_by_name(tmp_path: Path) -> None:
    child = shell("exec sleep 60", tmp_path / "log")
    child.start()
    os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: not child.is_running)
    with pytest.raises(ProcessFailed, match=r"^server ended with SIGKILL$"):
        child.check()


def test_missing_program_is_named(tmp_path: Path) -> None:
    child = Child("server", ["/no/such/program"], log=tmp_path / "log")
    child.start()
    with pytest.raises(ProcessFailed, match=r"cannot run /no/such/program: No such file"):
        child.wait_until(lambda: False, timeout=allowed(10))


def test_descendants_are_killed(tmp_path: Path) -> None:
    child = shell("sleep 60 & echo $!; exit 1", tmp_path / "log")
    child.start()
    wait_until(lambda: not child.is_running)
    grandchild = int((tmp_path / "log").read_text())
    wait_until(lambda: not is_alive(grandchild))


def test_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = shell("trap '' TERM; echo set; while :; do sleep 0.05; done", tmp_path / "log")
    stubborn.start()
    stubborn.wait_until(lambda: "set" in (tmp_path / "log").read_text(), patience(10))
    stop_all([stubborn], grace=0.2)
    assert stubborn.exit_code() == -signal.SIGKILL


def test_terminal_interrupt_does_not_reach_the_child(tmp_path: Path) -> None:
    child = Child(
        "server", [sys.executable, "-c", "import os; print(os.getsid(0))"], log=tmp_path / "log"
    )
    child.start()
    wait_until(lambda: child.exit_code() == 0)
    assert int((tmp_path / "log").read_text()) == child.pid != os.getsid(0)


def test_child_must_be_started_in_the_main_thread(tmp_path: Path) -> None:
    caught: list[Exception] = []

    def start() -> None:
        try:
            shell("exec sleep 60", tmp_path / "log").start()
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert caught
