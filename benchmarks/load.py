"""The load test (`make load`): many clients and a deep queue.

Sidecar and worker are real, except for providers that return immediately, so that the service is
measured and not Whisper. The clients are simulated by locust.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.backlog import queue_up
from tests.fuzz.media import clips
from tests.monitoring.scripted_stack import scripted_services
from tests.stack import RunningStack, running_services
from tests.stored import completed
from tests.tools import tool
from worker.bootstrap import open_stores
from worker.local.stack import Stack
from worker.local.supervisor import Service

_OBJECTIVE = 0.5
"""Maximum 95th percentile latency of each kind of request, in seconds."""
_GROWTH = 0.10
"""Maximum growth of memory over the second half, as a ratio."""
_WORKING = ("server", "worker-all")
_LOOK = 1.0
"""Seconds between two samples of memory use."""

Memory = dict[str, list[int]]
"""Samples of the resident memory of each program with its children, in bytes."""


def main(arguments: Sequence[str]) -> int:
    """Run the load test and print the results.

    Returns:
        1 if an objective was missed, else 0.
    """
    wanted = _parse(arguments)
    out = Console()
    queued: list[str] = []
    done: list[str] = []

    def chosen(stack: Stack) -> list[Service]:
        # Before the services start, which would query the database meanwhile.
        out.print(f"Queueing {wanted.queued} interviews …")
        with open_stores(stack.settings) as stores:
            done.extend(completed(stores.interviews) for _ in range(20))
        queued.extend(queue_up(stack.settings, wanted.queued))
        return scripted_services(Path(place), stack)

    with (
        tempfile.TemporaryDirectory() as place,
        running_services(Path(place) / "data", chosen) as running,
    ):
        recording = Path(place) / "recording"
        recording.write_bytes(dict(clips(Path(place)))["flac"])
        out.print(f"{wanted.clients} clients for {wanted.seconds} s …")
        figures, memory = _load(running, wanted, recording, queued, done)
    missed = [*_print_times(out, figures), *_print_memory(out, memory)]
    for what in missed:
        out.print(f"MISSED: {what}", style="red")
    return 1 if missed else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make load")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--queued", type=int, default=10_000)
    return parser.parse_args(arguments)


def _load(
    running: RunningStack,
    wanted: argparse.Namespace,
    recording: Path,
    queued: Sequence[str],
    done: Sequence[str],
) -> tuple[list[dict[str, Any]], Memory]:
    program = tool("locust")
    if program is None:
        raise SystemExit("locust is missing: `make load` installs it")
    command = [
        *(str(program), "--headless", "--only-summary", "--json", "--exit-code-on-error", "0"),
        *("--locustfile", str(Path(__file__).with_name("locustfile.py"))),
        *("--host", running.stack.api_url, "--users", str(wanted.clients)),
        *("--spawn-rate", str(wanted.clients), "--run-time", f"{wanted.seconds}s"),
    ]
    environment = {
        **os.environ,
        "LOAD_RECORDING": str(recording),
        "LOAD_QUEUED": ",".join(queued[:500]),
        "LOAD_DONE": ",".join(done),
    }
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as clients:
        memory = _watch(running, clients)
        printed, log = clients.communicate()
    if clients.returncode:
        raise SystemExit(f"locust failed:\n{log}")
    figures: list[dict[str, Any]] = json.loads(printed)
    return figures, memory


def _watch(running: RunningStack, clients: subprocess.Popen[str]) -> Memory:
    programs = {name: psutil.Process(running.process(name).pid) for name in _WORKING}
    memory: Memory = {name: [] for name in programs}
    while clients.poll() is None:
        for name, program in programs.items():
            memory[name].append(_resident(program))
        time.sleep(_LOOK)
    return memory


def _resident(program: psutil.Process) -> int:
    family = [program, *program.children(recursive=True)]
    return sum(member.memory_info().rss for member in family if member.is_running())


def _print_times(out: Console, figures: list[dict[str, Any]]) -> list[str]:
    table = Table("request", "count", "failed", "per second", "p50, ms", "p95, ms", box=None)
    missed = []
    for route in figures:
        times = sorted((int(taken), number) for taken, number in route["response_times"].items())
        middle, late = (_quantile(times, share) for share in (0.5, 0.95))
        number, failed = route["num_requests"], route["num_failures"]
        seconds = route["last_request_timestamp"] - route["start_time"]
        name = f"{route['method']} {route['name']}"
        rate = f"{number / seconds:.1f}"
        table.add_row(name, str(number), str(failed), rate, str(middle), str(late))
        if failed:
            missed.append(f"{failed} of {number} failed: {name}")
        if late >= _OBJECTIVE * 1000:
            missed.append(f"p95 of {late} ms, not under {_OBJECTIVE * 1000:.0f} ms: {name}")
    out.print(table)
    return missed


def _quantile(times: list[tuple[int, int]], share: float) -> int:
    """The quantile of a histogram of latencies, in milliseconds."""
    left = share * sum(number for _, number in times)
    for taken, number in times:
        left -= number
        if left <= 0:
            return taken
    return 0


def _print_memory(out: Console, memory: Memory) -> list[str]:
    table = Table("memory, MiB", "start", "half-time", "end", "growth since half-time", box=None)
    missed = []
    for name, looks in memory.items():
        tenth = max(len(looks) // 10, 1)
        half = len(looks) // 2
        moments = looks[:tenth], looks[half : half + tenth], looks[-tenth:]
        start, middle, end = (statistics.mean(each) for each in moments)
        growth = end / middle - 1
        table.add_row(
            name, *(f"{one / 2**20:.0f}" for one in (start, middle, end)), f"{growth:+.1%}"
        )
        if growth >= _GROWTH:
            missed.append(f"memory grew by {growth:.1%}, not under {_GROWTH:.0%}: {name}")
    out.print(table)
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
