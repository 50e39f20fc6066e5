"""A real Prometheus and Alertmanager, and the receivers of notifications."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2

from tests.alerting.live.scale import SCRAPE, routes, rules
from tests.requirements import program
from tests.stack import RunningStack
from tests.timing import patience, wait_until
from worker.local.processes.child import Child, stop_all
from worker.local.processes.ports import free_port

PROGRAMS = ("prometheus", "prometheus-alertmanager")
WATCHDOG = "InterviewWorkerWatchdog"
_JOBS = ("interview-worker", "interview-worker-mongodb")


@dataclass
class Notifications:
    """The notifications that have arrived.

    Attributes:
        url: The URL to which Alertmanager posts.
        first: The monotonic time of the first notification, by receiver and alert.
    """

    url: str
    first: dict[tuple[str, str], float] = field(default_factory=dict)

    def alerts(self) -> set[str]:
        """The names of the alerts, without the watchdog, which always fires."""
        return {alert for _, alert in list(self.first)} - {WATCHDOG}

    def arrived(self, alert: str) -> float | None:
        """The monotonic time at which an alert first arrived; None if it has not."""
        moments = [at for (_, name), at in list(self.first.items()) if name == alert]
        return min(moments, default=None)


@contextmanager
def receiving() -> Iterator[Notifications]:
    """Receive Alertmanager's webhooks (version 4) for the duration of the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert body["version"] == "4"
            for alert in body["alerts"]:
                if alert["status"] == "firing":
                    key = (self.path.strip("/"), alert["labels"]["alertname"])
                    notifications.first.setdefault(key, time.monotonic())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    notifications = Notifications(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield notifications
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def watched(running: RunningStack, place: Path) -> Iterator[Notifications]:
    """Monitor a stack with a new Prometheus and Alertmanager; yields the notifications.

    The context begins once the watchdog alert has arrived, which proves that alerts are delivered.
    """
    place.mkdir(parents=True)
    (place / "rules").mkdir()
    manager, prometheus = free_port(), free_port()
    config = {
        "global": {
            "scrape_interval": f"{SCRAPE}s",
            "scrape_timeout": f"{SCRAPE}s",
            "evaluation_interval": "1s",
        },
        "rule_files": [str(rules(place / "rules"))],
        "alerting": {"alertmanagers": [{"static_configs": [_target(manager)]}]},
        "scrape_configs": [
            _job(_JOBS[0], int(running.stack.api_url.rpartition(":")[2])),
            _job(_JOBS[1], running.settings.mongodb_metrics_port),
        ],
    }
    (place / "prometheus.yml").write_text(json.dumps(config))
    with receiving() as notifications, ExitStack() as stack:
        children = [
            _child(place, "prometheus-alertmanager", manager, routes(place, notifications.url)),
            _child(place, "prometheus", prometheus, place / "prometheus.yml"),
        ]
        for child, port in zip(children, (manager, prometheus), strict=True):
            child.start()
            stack.callback(stop_all, [child], 10)
            child.wait_until(lambda port=port: _ready(port), patience(30))  # type: ignore[misc]
        wait_until(lambda: ("watchdog", WATCHDOG) in notifications.first, 30)
        # Before the first scrape, all series are absent, so the alerts for absence fire.
        wait_until(lambda: _firing(prometheus) == {WATCHDOG} and _reached(prometheus), 60)
        notifications.first.clear()
        yield notifications


def _firing(port: int) -> set[str]:
    found = _asked(port, 'ALERTS{alertstate="firing"}')
    return {sample["metric"]["alertname"] for sample in found}


def _reached(port: int) -> bool:
    return len(_asked(port, "up == 1")) == len(_JOBS)


def _asked(port: int, query: str) -> list[dict[str, Any]]:
    url = f"http://127.0.0.1:{port}/api/v1/query"
    answer = httpx2.get(url, params={"query": query}, trust_env=False)
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def _job(name: str, port: int) -> dict[str, object]:
    return {"job_name": name, "static_configs": [_target(port)]}


def _target(port: int) -> dict[str, list[str]]:
    return {"targets": [f"127.0.0.1:{port}"]}


def _child(place: Path, name: str, port: int, config: Path) -> Child:
    kind = {
        # By default a minute: an alert that is sent before Alertmanager is ready would be late.
        "prometheus": [f"--storage.tsdb.path={place / 'tsdb'}", "--rules.alert.resend-delay=1s"],
        "prometheus-alertmanager": [
            f"--storage.path={place / 'alerts'}",
            "--cluster.listen-address=",
        ],
    }[name]
    arguments = [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", *kind]
    found = program(name.removeprefix("prometheus-"))
    return Child(name, [found, *arguments], log=place / f"{name}.log")


def _ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False).is_success
    except httpx2.HTTPError:
        return False
