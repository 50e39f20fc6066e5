"""The API under requests that schemathesis makes of its documentation."""

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tasks import changes
from tasks.clock import now
from tasks.errors import Permanent
from tasks.interview import DEFAULT_TENANT, Booking, BookingOutcome, Stage
from tests.fuzz import LONG, SEED
from tests.integration.test_api import analysed
from tests.samples import TECHNICAL, an_interview
from tests.stack import RunningStack, running_services
from tests.tools import tool
from worker.adapters.mongo import MongoInterviews
from worker.keys import Scope, issue
from worker.stack import Stack, services
from worker.supervisor import Service
from worker.wiring import open_stores

PROGRAM = tool("schemathesis")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 200 if LONG else 5
KEY_CHECKS = "ignored_auth,missing_required_header"
"""What does not hold where access is open."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800 if LONG else 180),
    pytest.mark.skipif(PROGRAM is None, reason="schemathesis is missing; `make test` installs it"),
]


def sidecar(stack: Stack) -> list[Service]:
    """The API alone: interviews stay as they are."""
    return [one for one in services(stack, flower=False) if one.name == "server"]


@pytest.fixture(scope="module", params=["keys", "open"] if LONG else ["keys"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStack]:
    place = tmp_path_factory.mktemp("fuzz")
    with running_services(place, sidecar, AUTH=request.param) as stack:
        yield stack


def test_answers_as_documented(running: RunningStack, tmp_path: Path) -> None:
    with open_stores(running.settings) as stores:
        key, token = issue("fuzz", DEFAULT_TENANT, [Scope.ADMIN])
        stores.keys.add(key)
        known = [completed(stores.interviews), failed(stores.interviews)]
    done = subprocess.run(
        [
            *(str(PROGRAM), "--config-file", str(CONFIGURATION)),
            *("run", f"{running.stack.api_url}/openapi.json"),
            *("--max-examples", str(EXAMPLES), "--seed", str(SEED)),
            *([] if running.settings.keys_required else ["--exclude-checks", KEY_CHECKS]),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "NO_PROXY": "127.0.0.1",
            "FUZZ_HOOKS": str(CONFIGURATION.with_name("hooks.py")),
            "FUZZ_KEY": token,
            "FUZZ_RECORDING": str(TECHNICAL),
            "FUZZ_INTERVIEWS": ",".join(known),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def completed(store: MongoInterviews) -> str:
    interview = an_interview()
    store.create(interview, changes.created(interview))
    analysed(store, interview.id)
    moment = now()
    store.apply(interview.id, changes.begin(Stage.SCHEDULE, "run", moment))
    booking = Booking(
        outcome=BookingOutcome.BOOKED,
        uid=interview.id,
        start=moment + timedelta(days=2),
        end=moment + timedelta(days=2, hours=1),
        invitation="BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
    )
    done = changes.finish(
        store.get(interview.id),
        Stage.SCHEDULE,
        "run",
        moment,
        provider="x",
        results={"booking": booking},
        facts={},
    )
    store.apply(interview.id, done)
    return interview.id


def failed(store: MongoInterviews) -> str:
    interview = an_interview()
    store.create(interview, changes.created(interview))
    store.apply(interview.id, changes.begin(Stage.TRANSCRIBE, "run", now()))
    error = Permanent("there is no sound", code="no_sound")
    running = store.get(interview.id)
    store.apply(interview.id, changes.fail(running, Stage.TRANSCRIBE, "run", error, now()))
    return interview.id
