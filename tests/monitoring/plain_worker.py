"""A monitored worker without adapters, with tasks whose outcome is scripted."""

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from pydantic import SecretStr

from tasks.errors import Permanent
from tasks.pipeline.queues import QUEUES
from tests.processes import ROOT
from worker.celery_app.config import create_app
from worker.local.processes.child import Child
from worker.settings import Settings
from worker.telemetry.metrics import recording_worker

NOTHING, HOLD, FAIL, HANG = QUEUES
"""Task names that also name queues; `create` defines the tasks."""


class MyErr(Permanent):
    """A subclass of the project's errors."""


def create(redis_url: str) -> Celery:
    """The service's Celery application, with tasks for tests."""
    app = create_app(Settings(redis_url=SecretStr(redis_url)))
    # The answers to the reconciler, without the tasks of the service.
    app.conf.imports = ("worker.adapters.broker.held",)

    @app.task(name=NOTHING, shared=False)
    def nothing() -> None:
        pass

    @app.task(name=HOLD, shared=False)
    def hold(path: str) -> None:
        while not Path(path).exists():
            time.sleep(0.05)

    @app.task(name=FAIL, shared=False)
    def fail() -> None:
        raise MyErr("x")

    @app.task(name=HANG, shared=False, acks_late=False)
    def hang() -> None:
        while True:
            with suppress(SoftTimeLimitExceeded):
                time.sleep(60)

    return app


def plain_worker(
    app: Celery,
    directory: Path,
    name: str,
    *options: str,
    log: Path | None = None,
    command: Sequence[str] = (),
) -> Child:
    """A process that runs such a worker, not started yet.

    Args:
        app: The application.
        directory: The metrics directory.
        name: The name of the worker.
        options: Further options of Celery.
        log: The folder of its log; by default that of the metrics directory.
        command: A program that runs the worker, with its arguments.
    """
    program = [sys.executable, "-m", "tests.monitoring.plain_worker"]
    return Child(
        name,
        [*command, *program, app.conf.broker_url, str(directory), name, *options],
        log=(log or directory.parent) / f"{name}.log",
        env={"PYTHONPATH": str(ROOT)},
    )


if __name__ == "__main__":
    url, figures, own_name, *given = sys.argv[1:]
    with recording_worker(Path(figures), own_name):
        create(url).worker_main(
            [
                "worker",
                f"--hostname={own_name}@%h",
                f"--queues={','.join(QUEUES)}",
                "--without-gossip",
                "--without-mingle",
                *given,
            ]
        )
