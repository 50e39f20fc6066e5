"""A real Prometheus that scrapes the given targets."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.processes import ROOT
from tests.requirements import program
from tests.timing import patience
from worker.local.processes.child import Child, stop_all
from worker.local.processes.ports import free_port

RULES = ROOT / "monitoring" / "stack" / "prometheus" / "rules" / "*.yml"


@contextmanager
def scraping(targets: Mapping[str, str], place: Path, *, interval: int) -> Iterator[str]:
    """Run a Prometheus with one job for each target; yields its URL once it is ready.

    Args:
        targets: The host and port of each job, by the job's name.
        place: The directory for its data.
        interval: Seconds between two scrapes.
    """
    config = {
        "global": {"scrape_interval": f"{interval}s", "evaluation_interval": f"{interval}s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target]}]}
            for job, target in targets.items()
        ],
    }
    file = place / "prometheus.yml"
    file.write_text(json.dumps(config))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = [
        f"--config.file={file}",
        f"--storage.tsdb.path={place / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    child = Child("prometheus", [program("prometheus"), *arguments], log=place / "prometheus.log")
    child.start()
    try:
        child.wait_until(lambda: _ready(url), patience(30))
        yield url
    finally:
        stop_all([child], 10)


def _ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/-/ready", trust_env=False).is_success
    except httpx2.HTTPError:
        return False
