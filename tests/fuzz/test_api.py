"""The API under requests that schemathesis generates from the OpenAPI document."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.interviews.interview import DEFAULT_TENANT
from tests.fuzz import LONG, SEED
from tests.requirements import needs, program
from tests.samples import TECHNICAL
from tests.stack import RunningStack, running_services
from tests.stored import completed, failed
from worker.bootstrap import open_stores
from worker.local.stack import Stack, services
from worker.local.supervisor import Service
from worker.ports import Scope
from worker.security.api_keys import issue

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 200 if LONG else 5
KEY_CHECKS = "ignored_auth,missing_required_header"
"""Checks that fail with open access."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800 if LONG else 180),
    needs("schemathesis"),
]


def sidecar(stack: Stack) -> list[Service]:
    """The API without workers, so that interviews do not change."""
    return [one for one in services(stack, flower=False) if one.name == "server"]


@pytest.fixture(scope="module", params=["keys", "open"] if LONG else ["keys"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStack]:
    place = tmp_path_factory.mktemp("fuzz")
    with running_services(place, sidecar, AUTH=request.param) as stack:
        yield stack


def test_responses_match_the_documentation(running: RunningStack, tmp_path: Path) -> None:
    with open_stores(running.settings) as stores:
        key, token = issue("fuzz", DEFAULT_TENANT, [Scope.ADMIN])
        stores.keys.add(key)
        known = [completed(stores.interviews), failed(stores.interviews)]
    done = subprocess.run(
        [
            *(program("schemathesis"), "--config-file", str(CONFIGURATION)),
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
