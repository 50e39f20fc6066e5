"""The `demo` command: one bundled interview through the whole stack."""

import json
import signal
import tempfile
from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from tasks.errors import Permanent
from tasks.interviews.interview import Status
from worker.cli.client import ApiClient
from worker.cli.following import follow
from worker.cli.report import render
from worker.local.stack import open_stack, services
from worker.local.supervisor import Supervisor
from worker.settings import Settings

_SAMPLE = "screening.flac"
_DRAIN_SECONDS = 10.0


def run_demo(settings: Settings, out: Console) -> None:
    """Run the stack in a temporary directory, submit the sample, print its report, and stop.

    Raises:
        Permanent: The interview was not completed.
        ProcessFailed: A process failed to start.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="interview-worker-")))
        out.print("Starting broker, database, event log, calendar, API and workers …")
        own = settings.with_environment(
            {
                "DATA_DIR": str(place),
                "API_HOST": "127.0.0.1",
                "AUTH": "open",
                "API_PORT": "0",
                "FLOWER_PORT": "0",
                "MONGODB_METRICS_PORT": "0",
            }
        )
        opened = stack.enter_context(open_stack(own))
        processes = services(opened, flower=False)
        stack.enter_context(
            Supervisor(
                processes,
                log_dir=opened.log_dir,
                drain_seconds=_DRAIN_SECONDS,
                watched=opened.servers,
            )
        )
        recording = stack.enter_context(as_file(files("worker.local") / "samples" / _SAMPLE))
        with ApiClient(opened.settings.with_environment({"API_URL": opened.api_url})) as api:
            interview = api.submit(recording, _payload())
            out.print(f"Submitted {_SAMPLE} as interview {interview.id}", highlight=False)
            final = follow(api, interview, out)
            render(api, final, out)
    if final.status is not Status.COMPLETED:
        raise Permanent(f"the demo interview ended with status {final.status}")
    out.print("\nAll processes stopped.")


def _payload() -> dict[str, Any]:
    text = (files("worker.local") / "samples" / "screening.submission.json").read_text()
    payload: dict[str, Any] = json.loads(text)
    return payload


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
