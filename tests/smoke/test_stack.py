"""The demo inside the containers of docker-compose.yml, if a container engine is available."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from deployment.secrets import PLACE, make
from tests.processes import ROOT

DOCKER = shutil.which("docker")
NO_ENGINE = "NO CONTAINER ENGINE RUNS HERE: docker-compose.yml is not started"


def engine() -> bool:
    """Whether Docker is installed and responds."""
    if DOCKER is None:
        return False
    return subprocess.run([DOCKER, "info"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.smoke,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not engine(), reason=NO_ENGINE),
]


def compose(*arguments: str) -> str:
    # A separate project, so that the containers and data of `make up` are not affected.
    return subprocess.run(
        [str(DOCKER), "compose", "--project-name", "interview-worker-smoke", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture(scope="module")
def containers() -> Iterator[None]:
    make(PLACE)
    compose("up", "--build", "--detach", "--wait", "--wait-timeout", "600")
    try:
        yield
    finally:
        compose("down", "--volumes")


@pytest.mark.usefixtures("containers")
def test_interview_completes_in_the_containers() -> None:
    printed = compose(
        *("exec", "--no-TTY", "sidecar", "interview-worker", "keys", "create"),
        *("--name", "smoke", "--scope", "admin"),
    )
    key = printed.split()[-1]
    place = "/opt/interview-worker/lib/python3.12/site-packages/worker/local/samples/screening.flac"
    report = compose(
        *("exec", "--no-TTY", "-e", f"INTERVIEW_WORKER_KEY={key}"),
        *("-e", "API_URL=http://127.0.0.1:3001", "sidecar"),
        *("interview-worker", "submit", place, "--type", "screening", "--wait"),
        *("--candidate", "A <a@example.com>", "--interviewer", "B <b@example.com>"),
        *("--consent", "c"),
    )
    assert "Booked" in report


@pytest.mark.usefixtures("containers")
def test_prometheus_reaches_all_targets() -> None:
    found: dict[str, Any] = json.loads(
        compose(
            *("exec", "--no-TTY", "prometheus", "wget", "-q", "-O", "-"),
            "http://127.0.0.1:9090/api/v1/targets",
        )
    )
    targets = found["data"]["activeTargets"]
    assert targets
    assert {one["scrapeUrl"]: one["health"] for one in targets} == {
        one["scrapeUrl"]: "up" for one in targets
    }
