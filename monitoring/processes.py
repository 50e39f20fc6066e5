"""What processes take of the machine."""

import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

_STATUS_FIELDS = {"RssAnon": "heap_used", "VmData": "heap_total"}


class ProcessStats(BaseModel):
    """A process at one moment.

    Attributes:
        role: worker, child or sidecar.
        process: Its name among those of its kind; the next one in its place has the same.
        cpu: Cores in use since the last look; 0 at the first.
        memory: Resident memory, in bytes.
        open_fds: Open file descriptors.
        max_fds: The most file descriptors allowed.
        heap_used: Private memory in use, in bytes; None where the system does not tell.
        heap_total: Private memory asked for, in bytes; None where the system does not tell.
        started: When it was started, in seconds since the epoch.
    """

    model_config = ConfigDict(frozen=True)

    role: str
    process: str
    cpu: float
    memory: int
    open_fds: int
    max_fds: int
    heap_used: int | None = None
    heap_total: int | None = None
    started: float


class ProcessSampler:
    """Looks at processes again and again."""

    def __init__(self) -> None:
        self._known: dict[int, psutil.Process] = {}

    def sample(self, pid: int, role: str, process: str) -> ProcessStats | None:
        """Look at a process; None if it has ended."""
        try:
            found = self._known.setdefault(pid, psutil.Process(pid))
            with found.oneshot():
                return ProcessStats(
                    role=role,
                    process=process,
                    cpu=found.cpu_percent() / 100,
                    memory=found.memory_info().rss,
                    open_fds=found.num_fds(),
                    max_fds=_max_fds(found),
                    started=found.create_time(),
                    **_heap(pid),
                )
        except psutil.NoSuchProcess:
            self._known.pop(pid, None)
            return None

    def forget_all_but(self, pids: set[int]) -> None:
        """Forget processes that are of no interest any more."""
        self._known = {pid: found for pid, found in self._known.items() if pid in pids}


@dataclass(frozen=True, slots=True)
class NetworkStats:
    """What went over the network since the host or container was started, in bytes."""

    received: int
    sent: int


def network() -> NetworkStats:
    """All interfaces together, the one that leads back to the host itself among them."""
    counters = psutil.net_io_counters()
    return NetworkStats(counters.bytes_recv, counters.bytes_sent)


def _max_fds(process: psutil.Process) -> int:
    """The limit of a process; where only Linux tells, ours, which those that we start inherit."""
    if sys.platform == "linux":
        return process.rlimit(psutil.RLIMIT_NOFILE)[0]
    else:  # noqa: RET505 - without it mypy takes what follows for unreachable on Linux
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _heap(pid: int) -> dict[str, int]:
    """Linux tells of each process; elsewhere the figures are left out (proc_pid_status(5))."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition(":")[::2] for line in lines)
    return {
        _STATUS_FIELDS[name]: int(value.split()[0]) * 1024
        for name, value in pairs
        if name in _STATUS_FIELDS
    }
