"""Celery's worker and Flower, run with our application."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from celery import Celery
from celery.signals import worker_shutting_down

from monitoring.metrics.recording import Recorder
from tasks.errors import Permanent
from tasks.pipeline.queues import QUEUES
from worker.adapters.broker.transport import flower_settings
from worker.bootstrap import check_broker, check_providers
from worker.celery_app import child  # noqa: F401 - its signal handlers open the adapters after the fork
from worker.celery_app.config import create_app
from worker.celery_app.flower import protect_flower
from worker.celery_app.log_context import binding_task_context
from worker.settings import Settings
from worker.telemetry.logs import configured_logging, worker_logging
from worker.telemetry.metrics import recording_worker
from worker.telemetry.tracing import check_tracing
from worker.urls import is_loopback

_AT_ONCE = 0.001
"""Seconds; `setitimer` with 0 would disarm the timer."""


def run_worker(
    settings: Settings, *, queues: Sequence[str], concurrency: int, name: str, events: bool
) -> None:
    """Run a worker until it receives a signal.

    On the first SIGTERM or SIGINT it finishes running tasks for up to `shutdown_grace` seconds.
    Then, or on a second SIGINT, it aborts them and returns their messages to the broker.

    Raises:
        Permanent: A configured provider cannot be created, the price list cannot be read, or the
            broker cannot be used.
    """
    check_providers(settings)
    check_tracing(settings)
    app = create_app(settings)
    arguments = [
        # No banner: standard output carries only log lines.
        "--quiet",
        "worker",
        f"--queues={','.join(queues or QUEUES)}",
        f"--concurrency={concurrency}",
        f"--hostname={name}@%h",
        f"--loglevel={settings.log_level}",
        # Workers do not communicate with each other, and synchronising them slows each start.
        "--without-gossip",
        "--without-mingle",
    ]
    with (
        recording_worker(settings.metrics_directory, name) as recorder,
        worker_logging(settings, name, recorder),
        binding_task_context(),
        _graceful_shutdown(settings.shutdown_grace),
    ):
        check_broker(settings)
        app.worker_main([*arguments, "--events"] if events else arguments)


@contextmanager
def _graceful_shutdown(grace: float) -> Iterator[None]:
    """Turn a warm shutdown into a cold one after `grace` seconds.

    Celery's own soft shutdown (`worker_soft_shutdown_timeout`) always waits its full time, even if
    all tasks have finished, and does not process their results meanwhile.
    """

    def shutting_down(*, how: str, **_: object) -> None:
        if how == "Warm":
            # A timer, not a thread: this runs inside a signal handler, which must start no thread.
            signal.setitimer(signal.ITIMER_REAL, max(grace, _AT_ONCE))

    def give_up(_number: int, _frame: FrameType | None) -> None:
        os.kill(os.getpid(), signal.SIGQUIT)

    before = signal.signal(signal.SIGALRM, give_up)
    worker_shutting_down.connect(shutting_down)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        worker_shutting_down.disconnect(shutting_down)


def run_flower(settings: Settings) -> None:
    """Run Flower until it receives a signal.

    Raises:
        Permanent: It would be reachable from other hosts without authentication, or the broker
            cannot be used.
    """
    arguments = [
        "flower",
        f"--address={settings.flower_host}",
        f"--port={settings.flower_port}",
    ]
    if settings.flower_basic_auth is not None:
        arguments.append(f"--basic-auth={settings.flower_basic_auth.get_secret_value()}")
    elif not is_loopback(settings.flower_host):
        raise Permanent(
            f"FLOWER_HOST is {settings.flower_host}, so Flower needs authentication: "
            "set FLOWER_BASIC_AUTH to user:password",
            code="configuration",
        )
    app = create_app(settings)
    # Flower exposes its own metrics only, so dropped log lines are not counted here.
    with configured_logging(settings, "flower", Recorder()):
        check_broker(settings)
        if settings.flower_basic_auth is None:
            protect_flower()
        _start_flower(app, arguments, settings)


def _start_flower(app: Celery, arguments: list[str], settings: Settings) -> None:
    if settings.redis_url is not None:
        app.conf.update(flower_settings(settings.redis_url.get_secret_value()))
    app.start(arguments)
