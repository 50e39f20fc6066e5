"""A worker of which every child does one task, and then makes room for the next."""

import sys
from pathlib import Path

from celery import Celery
from pydantic import SecretStr

from worker.app import create_app
from worker.monitored import monitored_worker
from worker.settings import Settings

TASK = "interviews.submit"
"""A name that has a queue."""


def create(redis_url: str) -> Celery:
    """The service's own application, with one task that does nothing."""
    app = create_app(Settings(redis_url=SecretStr(redis_url)))
    app.conf.imports = ()

    @app.task(name=TASK, shared=False)
    def nothing() -> None:
        pass

    return app


if __name__ == "__main__":
    url, directory, concurrency = sys.argv[1:]
    worker = create(url)
    with monitored_worker(Path(directory), "churn"):
        worker.worker_main(
            [
                "worker",
                "--hostname=churn@%h",
                f"--queues={TASK}",
                f"--concurrency={concurrency}",
                "--max-tasks-per-child=1",
                "--without-gossip",
                "--without-mingle",
            ]
        )
