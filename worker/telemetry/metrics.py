"""Recording of metrics by processes, and the heartbeats of workers."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from billiard.process import current_process
from celery import signals
from celery.utils.nodenames import host_format
from celery.worker.state import active_requests

from monitoring.celery_signals import connected
from monitoring.heartbeats import INTERVAL, HeartbeatWriter, WorkerState, child_label
from monitoring.metrics.directory import SIDECAR, WORKER, Place
from monitoring.metrics.files import Damaged
from monitoring.metrics.recording import Recorder
from monitoring.metrics.shared import SharedState
from monitoring.signals import celery, providers, services, stages
from tasks.errors import Permanent

log = logging.getLogger(__name__)


def node_name(name: str) -> str:
    """The Celery node name of a process on this host."""
    return str(host_format(f"{name}@%h"))


@contextmanager
def recording_metrics(directory: Path, name: str, kind: str = SIDECAR) -> Iterator[Recorder]:
    """Record this process's metrics in a directory while the context is active.

    A directory that cannot be used, for example because its disk is full, does not stop the
    process: metrics are then kept in memory until it can be used.

    Args:
        directory: The metrics directory.
        name: The name of the process.
        kind: The kind of process: sidecar or worker.

    Raises:
        Permanent: The directory is a file, or below one.
    """
    with _recording(directory, name, kind) as process, _repeating(process.repeat):
        yield process.recorder


@contextmanager
def recording_worker(directory: Path, name: str) -> Iterator[Recorder]:
    """Record the metrics of the Celery worker that runs in this context; yields the recorder.

    Raises:
        Permanent: The directory is a file, or below one.
    """
    with _recording(directory, name, WORKER) as process, ExitStack() as stack:
        worker = _Worker(process, HeartbeatWriter(directory, node_name(name)))
        stack.enter_context(connected(signals.worker_process_init, worker.forked))
        stack.enter_context(connected(signals.worker_process_shutdown, worker.child_ends))
        stack.enter_context(connected(signals.worker_ready, worker.ready))
        stack.callback(worker.stopped)
        worker.beat()
        stack.enter_context(_repeating(worker.repeat))
        yield process.recorder


class _Process:
    """This process: its place in the metrics directory, and its recorder."""

    def __init__(self, directory: Path, name: str, kind: str) -> None:
        self.directory = directory
        self.place = Place(directory, kind, node_name(name))
        self.recorder = Recorder(node_name(name))
        self.recorder.label = name

    def maintain(self) -> None:
        """Take a place, or take it again, and store what could not be stored before."""
        try:
            self.place.check()
        except (Damaged, OSError) as error:
            self.recorder.fail(str(error))
        if self.place.slot is not None:
            self.recorder.write_to(self.directory, self.place.slot)
            self.recorder.label = self.place.label
        self.recorder.maintain()

    def repeat(self) -> None:
        self.maintain()
        # Not at the first time, as logging may not be configured yet.
        self.recorder.log_changes()

    def close(self) -> None:
        self.recorder.close()
        self.recorder.log_changes()
        self.place.leave()


class _Worker:
    """The main process of a worker, and after a fork each of its children."""

    def __init__(self, process: _Process, heartbeats: HeartbeatWriter) -> None:
        self._process = process
        self._heartbeats = heartbeats
        self._shared = SharedState()
        self._state: Callable[[], WorkerState] | None = None
        self._lock = threading.Lock()
        self._fault: str | None = None
        self._is_fault_logged = False
        self._child: int | None = None

    def ready(self, *, sender: Any, **_: object) -> None:
        self._state = _state_of(sender)
        self.beat()

    def beat(self) -> None:
        """Keep the place, the metrics and the heartbeat up to date."""
        with self._lock:
            self._process.maintain()
            self._shared.slot = self._process.place.slot
            self._write_heartbeat(stopped=False)

    def repeat(self) -> None:
        self.beat()
        self._process.recorder.log_changes()
        self._log_fault()

    def stopped(self) -> None:
        with self._lock:
            self._write_heartbeat(stopped=True)
            self._heartbeats.close()

    def forked(self, **_: object) -> None:
        child = getattr(current_process(), "index", None)
        if child is not None:
            self._child = child
            self._shared.set_recording(child, is_recording=False)
            self._process.recorder.restart()
            self._maintain_child()
            threading.Thread(target=_repeat, args=(self._maintain_child,), daemon=True).start()

    def child_ends(self, **_: object) -> None:
        if self._child is not None:
            self._maintain_child()

    def _maintain_child(self) -> None:
        recorder, slot = self._process.recorder, self._shared.slot
        if slot is not None:
            recorder.write_to(self._process.directory, f"{slot}.{self._child}")
        recorder.maintain()
        recorder.log_changes()
        self._shared.set_recording(int(self._child or 0), is_recording=recorder.is_recording)

    def _write_heartbeat(self, *, stopped: bool) -> None:
        slot, label = self._process.place.slot, self._process.recorder.label
        if slot is None:
            return
        try:
            state = self._state() if self._state is not None else None
            recording = self._recording(label, state)
            self._heartbeats.write(slot, label, state, recording, stopped=stopped)
        except Exception as error:  # whatever it is, the next heartbeat may succeed
            self._fault = str(error)
        else:
            self._fault = None

    def _log_fault(self) -> None:
        if self._fault is not None and not self._is_fault_logged:
            log.warning("the heartbeat of this worker cannot be written: %s", self._fault)
        if self._fault is None and self._is_fault_logged:
            log.info("the heartbeat of this worker is written again")
        self._is_fault_logged = self._fault is not None

    def _recording(self, label: str, state: WorkerState | None) -> Mapping[str, bool]:
        children = state.children if state else {}
        own = {label: self._process.recorder.is_recording}
        return own | {child_label(label, one): self._shared.is_recording(one) for one in children}


@contextmanager
def _recording(directory: Path, name: str, kind: str) -> Iterator[_Process]:
    _refuse_a_file(directory)
    process = _Process(directory, name, kind)
    process.maintain()
    try:
        recorder = process.recorder
        with (
            stages.connected(recorder),
            services.connected(recorder),
            providers.connected(recorder),
            celery.connected(recorder),
        ):
            yield process
    finally:
        process.close()


def _refuse_a_file(directory: Path) -> None:
    """Refuse a path that no disk can make right; anything else may be so for a while only."""
    for path in (directory, *directory.parents):
        # Unlike those of Path, these return False if they may not look.
        if os.path.exists(path) and not os.path.isdir(path):  # noqa: PTH110, PTH112
            raise Permanent(
                f"METRICS_DIR: metrics cannot be written to {directory}: {path} is not a directory",
                code="configuration",
            )


@contextmanager
def _repeating(function: Callable[[], None]) -> Iterator[None]:
    """Call a function every second in a thread for the duration of the context."""
    stop = threading.Event()
    thread = threading.Thread(target=_repeat, args=(function, stop), name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _repeat(function: Callable[[], None], stop: threading.Event | None = None) -> None:
    stop = stop or threading.Event()
    is_failing = False
    while not stop.wait(INTERVAL):
        try:
            function()
        except Exception:
            # Monitoring never costs an interview: whatever fails is tried again.
            if not is_failing:
                log.exception("the metrics of this process cannot be maintained")
            is_failing = True
        else:
            is_failing = False


def _state_of(consumer: Any) -> Callable[[], WorkerState]:
    queues = tuple(consumer.app.amqp.queues.consume_from)

    def state() -> WorkerState:
        # Only a prefork pool has processes. Celery's public API has their ids, but not their slots.
        pool = getattr(getattr(consumer.pool, "_pool", None), "_pool", ())
        # A process that is being replaced has no id for a moment.
        children = {one.index: one.pid for one in tuple(pool) if one.pid is not None}
        return WorkerState(queues=queues, active=len(active_requests), children=children)

    return state
