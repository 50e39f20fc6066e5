"""Damaged recordings are decoded or rejected with a reason, without a crash."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from tasks.interviews.interview import Status
from tests.fuzz import LONG, SEED
from tests.fuzz.media import clips, damaged
from tests.processes import ROOT, children_of
from tests.stack import RunningStack, running_stack, wait_for
from tests.timing import allowed

COUNT = 3000 if LONG else 60
SUBMITTED = 50

REFUSALS = {
    *("not_audio", "empty", "no_audio_track", "unsupported_codec", "unsupported_channels"),
    *("suspicious", "zero_length", "truncated", "too_long", "undecodable"),
}


@pytest.mark.timeout(1800 if LONG else 180)
def test_damaged_recordings_are_decoded_or_rejected(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.listen", str(tmp_path), str(SEED), "0", str(COUNT)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"after {lines[-1:]}:\n{done.stderr}"
    outcomes = Counter(outcome for _, outcome, _ in lines)
    assert outcomes.total() == COUNT
    assert set(outcomes) <= {"heard", "worker:invalid_audio", *REFUSALS}, done.stderr
    # Otherwise the recordings are damaged too little or too much to be a useful test.
    assert COUNT / 5 < outcomes["heard"] < COUNT * 4 / 5, outcomes
    # A clip is decoded in some hundredths of a second; several seconds indicate an endless loop.
    assert max(float(seconds) for *_, seconds in lines) < allowed(10)


@pytest.mark.skipif(not LONG, reason="takes minutes: `make fuzz` does it")
@pytest.mark.timeout(1200)
def test_workers_survive_damaged_recordings(tmp_path: Path) -> None:
    whole = clips(tmp_path)
    with running_stack(tmp_path / "stack") as running:
        before = processes(running)
        accepted = []
        for number in range(SUBMITTED):
            suffix, content = damaged(whole, SEED, number)
            answer = submitted(running.stack.api_url, f"{number}.{suffix}", content)
            if answer.status_code == httpx2.codes.ACCEPTED:
                accepted.append(answer.json()["id"])
            else:
                assert 400 <= answer.status_code < 500, (number, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
        assert SUBMITTED / 5 < len(accepted) < SUBMITTED * 4 / 5
        ends = {wait_for(running.api, one, timeout=300).status for one in accepted}
        assert ends <= {Status.COMPLETED, Status.FAILED}
        assert processes(running) == before


def processes(running: RunningStack) -> dict[str, list[int]]:
    """The ids of all processes of sidecar and workers, including pool processes."""
    names = ("server", "worker-transcribe", "worker-analyse")
    pids = {name: running.process(name).pid for name in names}
    return {name: [pid, *sorted(children_of(pid))] for name, pid in pids.items()}


def submitted(url: str, name: str, content: bytes) -> httpx2.Response:
    particulars = {"type": "screening", "candidate": {"name": "A", "email": "a@example.com"}}
    return httpx2.post(
        f"{url}/api/v1/interviews",
        data={"interview": json.dumps({**particulars, "analyses": []})},
        files={"audio": (name, content)},
        timeout=allowed(30),
        trust_env=False,
    )
