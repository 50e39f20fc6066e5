"""The scripted worker, in which a recording named `hold-…` keeps its stage running.

Such a stage creates a file of its name and the suffix `.held`, and goes on when there is a file
`release` in the same directory.
"""

import sys
import time

from tasks.interviews.interview import Stage
from tests.monitoring import scripted_worker
from tests.monitoring.scripted_worker import Script
from worker.celery_app.worker import run_worker
from worker.settings import load_settings


class HoldingScript(Script):
    def run(self, name: str, stage: Stage) -> None:
        what, where, _ = name.split("-")
        if what != "hold":
            super().run(name, stage)
        elif where == stage:
            (self.notes / f"{name}.held").touch()
            while not (self.notes / "release").exists():
                time.sleep(0.05)


if __name__ == "__main__":
    scripted_worker.Script = HoldingScript  # type: ignore[misc]
    run_worker(load_settings(), queues=(), concurrency=2, name=sys.argv[2], events=False)
