"""Recording of metrics by processes, and the heartbeats of workers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from billiard.process import current_process
from celery import signals
from celery.utils.nodenames import host_format
from celery.worker.state import active_requests

from monitoring.celery_signals import connected
from monitoring.heartbeats import WorkerState, publishing_heartbeat
from monitoring.metrics.directory import claimed, joined
from monitoring.metrics.recording import Recorder
from monitoring.signals import celery, providers, services, stages
from tasks.errors import Permanent


def node_name(name: str) -> str:
    """The Celery node name of a process on this host."""
    return str(host_format(f"{name}@%h"))


@contextmanager
def recording_metrics(directory: Path, name: str) -> Iterator[tuple[Recorder, str]]:
    """Record this process's metrics in a directory while the context is active.

    Yields:
        The recorder, and the unique name of the process in the directory.

    Raises:
        Permanent: The directory cannot be used.
    """
    recorder = Recorder()
    with _metrics_directory(directory), claimed(directory, name) as identity:
        recorder.write_to(directory, identity)
        with (
            stages.connected(recorder),
            services.connected(recorder),
            providers.connected(recorder),
            celery.connected(recorder, node_name(name)),
        ):
            yield recorder, identity


@contextmanager
def _metrics_directory(directory: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(joined(directory))
        except OSError as error:
            raise Permanent(
                f"METRICS_DIR: metrics cannot be written to {directory}: {error}",
                code="configuration",
            ) from error
        yield


@contextmanager
def recording_worker(directory: Path, name: str) -> Iterator[Recorder]:
    """Record the metrics of the Celery worker that runs in this context; yields the recorder."""
    with recording_metrics(directory, name) as (recorder, identity), ExitStack() as stack:

        def forked(**_: object) -> None:
            slot = getattr(current_process(), "index", None)
            if slot is not None:
                recorder.write_to(directory, f"{identity}-{slot}")

        def ready(*, sender: Any, **_: object) -> None:
            stack.enter_context(
                publishing_heartbeat(directory, identity, node_name(name), _state_of(sender))
            )

        stack.enter_context(connected(signals.worker_process_init, forked))
        stack.enter_context(connected(signals.worker_ready, ready))
        yield recorder


def _state_of(consumer: Any) -> Callable[[], WorkerState]:
    queues = tuple(consumer.app.amqp.queues.consume_from)

    def state() -> WorkerState:
        # Only a prefork pool has processes. Celery's public API has their ids, but not their slots.
        pool = getattr(getattr(consumer.pool, "_pool", None), "_pool", ())
        # A process that is being replaced has no id for a moment.
        children = {one.index: one.pid for one in tuple(pool) if one.pid is not None}
        return WorkerState(queues=queues, active=len(active_requests), children=children)

    return state
