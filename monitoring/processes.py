"""Resource usage of processes and the network."""

import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

_STATUS_FIELDS = {"RssAnon": "heap_used", "VmData": "heap_total"}


class ProcessStats(BaseModel):
    """Resource usage of a process.

    Attributes:
        role: worker, child or sidecar.
        process: Its name within the role; a replacement gets the same name.
        cpu: CPU cores in use since the previous sample; 0 in the first.
        memory: Resident memory, in bytes.
        open_fds: Open file descriptors.
        max_fds: Maximum number of open file descriptors.
        heap_used: Private memory in use, in bytes; None if the system does not report it.
        heap_total: Private memory allocated, in bytes; None if the system does not report it.
        started: Start time, in seconds since the epoch.
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
    """Samples the resource usage of processes."""

    def __init__(self) -> None:
        self._known: dict[int, psutil.Process] = {}

    def sample(self, pid: int, role: str, process: str) -> ProcessStats | None:
        """Sample a process; None if it has ended."""
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
        """Discard the state of all other processes."""
        self._known = {pid: found for pid, found in self._known.items() if pid in pids}


@dataclass(frozen=True, slots=True)
class NetworkStats:
    """Network traffic since the host or container started, in bytes."""

    received: int
    sent: int


def network() -> NetworkStats:
    """The traffic of all interfaces, including loopback."""
    counters = psutil.net_io_counters()
    return NetworkStats(counters.bytes_recv, counters.bytes_sent)


def _max_fds(process: psutil.Process) -> int:
    """The limit of a process; outside Linux our own, which processes that we start inherit."""
    if sys.platform == "linux":
        return process.rlimit(psutil.RLIMIT_NOFILE)[0]
    else:  # noqa: RET505 - without it mypy considers what follows unreachable on Linux
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _heap(pid: int) -> dict[str, int]:
    """Memory figures that only Linux reports (proc_pid_status(5)); empty elsewhere."""
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
