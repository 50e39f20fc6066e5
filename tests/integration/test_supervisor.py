import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import ROOT, is_alive
from tests.timing import patience, wait_until, within
from worker.local.processes.child import Child, ProcessFailed
from worker.local.supervisor import Service, Supervisor


def service(name: str, directory: Path, *, drains: bool = False) -> Service:
    """A service that writes its start and its stop to the file `journal`."""
    journal = directory / "journal"
    script = f"""
        trap 'sleep 0.2; echo {name} stopped >> {journal}; exit 0' TERM
        echo $$ > {directory / name}.pid
        echo {name} started >> {journal}
        while :; do sleep 0.02; done
    """
    started = f"{name} started"
    return Service(
        name,
        ["sh", "-c", script],
        ready=lambda: journal.exists() and started in journal.read_text(),
        drains=drains,
    )


def stubborn(name: str, directory: Path) -> Service:
    script = f"trap '' TERM; echo $$ > {directory / name}.pid; while :; do sleep 0.02; done"
    pid_file = directory / f"{name}.pid"
    return Service(name, ["sh", "-c", script], ready=pid_file.exists, drains=True)


def pids(directory: Path) -> list[int]:
    # A service that was stopped during its start may have left an empty file.
    texts = [file.read_text() for file in directory.glob("*.pid")]
    return [int(text) for text in texts if text]


def test_services_start_in_parallel_and_draining_ones_stop_first(tmp_path: Path) -> None:
    names = ("api", "worker", "flower")
    services = [service(name, tmp_path, drains=name == "worker") for name in names]
    with Supervisor(services, log_dir=tmp_path):
        assert len(pids(tmp_path)) == 3
        assert all(map(is_alive, pids(tmp_path)))
    journal = (tmp_path / "journal").read_text().splitlines()
    assert sorted(journal[:3]) == ["api started", "flower started", "worker started"]
    assert journal[3] == "worker stopped"
    assert sorted(journal[4:]) == ["api stopped", "flower stopped"]
    assert not any(map(is_alive, pids(tmp_path)))


def test_failed_start_stops_the_others(tmp_path: Path) -> None:
    broken = Service("worker", ["sh", "-c", "echo no; exit 2"], ready=lambda: False)
    supervisor = Supervisor([service("api", tmp_path), broken], log_dir=tmp_path)
    with pytest.raises(ProcessFailed, match=r"^worker ended with exit code 2.*\n  no$"):
        supervisor.start()
    assert not any(map(is_alive, pids(tmp_path)))


def test_unexpected_exit_is_reported_and_stops_the_others(tmp_path: Path) -> None:
    # It exits once the other one is up, which must have the time to log that it stops.
    journal = tmp_path / "journal"
    until_up = f"until grep -qs started {journal}; do sleep 0.02; done"
    crash = Service("worker", ["sh", "-c", f"echo out of luck; {until_up}; exit 7"])
    supervisor = Supervisor([service("api", tmp_path), crash], log_dir=tmp_path)
    with pytest.raises(ProcessFailed, match=r"^worker ended with exit code 7.*\n  out of luck$"):
        supervisor.run()
    assert "api stopped" in journal.read_text()
    assert not any(map(is_alive, pids(tmp_path)))


def test_exit_of_a_watched_process_stops_all(tmp_path: Path) -> None:
    valkey = Child("valkey", ["sh", "-c", "exit 1"], log=tmp_path / "valkey.log")
    valkey.start()
    supervisor = Supervisor([service("api", tmp_path)], log_dir=tmp_path, watched=[valkey])
    with pytest.raises(ProcessFailed, match=r"^valkey ended with exit code 1"):
        supervisor.run()
    assert "api stopped" in (tmp_path / "journal").read_text()


SCRIPT = """
import sys
from pathlib import Path
from tests.integration.test_supervisor import service, stubborn
from worker.local.supervisor import Supervisor

directory = Path(sys.argv[1])
services = [service("api", directory), service("worker", directory, drains=True)]
services += [stubborn(name, directory) for name in sys.argv[3:]]
drain_seconds = float(sys.argv[2])
Supervisor(services, log_dir=directory, drain_seconds=drain_seconds).run(
    lambda: print("up", flush=True)
)
"""

DRAIN_SECONDS = 120.0


@contextmanager
def running(directory: Path, *stubborn_names: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", SCRIPT, str(directory), str(DRAIN_SECONDS)]
    with subprocess.Popen(
        [*command, *stubborn_names], cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_drains_the_services(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as process:
        os.killpg(process.pid, number)
        assert process.wait(patience(20)) == 0
    journal = (tmp_path / "journal").read_text().splitlines()
    assert journal[2:] == ["worker stopped", "api stopped"]
    assert not any(map(is_alive, pids(tmp_path)))


def test_second_signal_kills_the_services(tmp_path: Path) -> None:
    with running(tmp_path, "endless") as process:
        process.send_signal(signal.SIGINT)
        wait_until(lambda: "worker stopped" in (tmp_path / "journal").read_text())
        with within(20, before=DRAIN_SECONDS):
            process.send_signal(signal.SIGINT)
            assert process.wait(DRAIN_SECONDS) == 0
    assert not any(map(is_alive, pids(tmp_path)))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does it on Linux only")
def test_services_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, "endless") as process:
        process.kill()
        process.wait()
        wait_until(lambda: not any(map(is_alive, pids(tmp_path))))
