"""A real Prometheus and Alertmanager, and the receivers of notifications."""

import json
import shutil
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
from tests.alerting.live.stack import Place
from tests.processes import ROOT
from tests.requirements import PROGRAMS, program
from tests.timing import patience, wait_until
from worker.local.processes.child import Child, stop_all
from worker.local.processes.ports import free_port

WATCHDOG = "InterviewWorkerWatchdog"
_JOB, _MONGODB = "interview-worker", "interview-worker-mongodb"

_SLOW = frozenset({"1d", "3d"})
"""Windows of alerts on budgets that take longer to resolve than anybody waits: four minutes here,
two hours in production."""


@dataclass
class Notifications:
    """The notifications that have arrived.

    Attributes:
        url: The URL to which Alertmanager posts.
        first: The monotonic time of the first notification, by receiver and alert.
    """

    url: str
    first: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Watch:
    """A Prometheus and an Alertmanager that watch the stack.

    Attributes:
        port: The port of Prometheus.
        notifications: What Alertmanager has sent.
    """

    port: int
    notifications: Notifications

    def alerts(self) -> set[str]:
        """The alerts that receivers were notified of, without the watchdog, which always fires."""
        return {alert for _, alert in list(self.notifications.first)} - {WATCHDOG}

    def arrived(self, alert: str) -> float | None:
        """The monotonic time at which an alert first arrived; None if it has not."""
        first = list(self.notifications.first.items())
        return min((at for (_, name), at in first if name == alert), default=None)

    def firing(self) -> set[str]:
        """The alerts that fire, without the watchdog and those that need hours to resolve."""
        found = _asked(self.port, 'ALERTS{alertstate="firing"}')
        labels = [sample["metric"] for sample in found]
        names = {one["alertname"] for one in labels if one.get("window") not in _SLOW}
        return names - {WATCHDOG}


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
def watched(stack: Place, place: Path) -> Iterator[Watch]:
    """Monitor a stack with a new Prometheus and Alertmanager.

    The context begins once the watchdog alert has arrived, which proves that alerts are delivered.

    Args:
        stack: The stack.
        place: The directory of the files.
    """
    place.mkdir(parents=True)
    (place / "rules").mkdir()
    manager, prometheus = free_port(), free_port()
    exporters = {free_port(): one for one in _exporters(stack) if is_installed(one.program)}
    hosts = stack.hosts
    jobs = [
        _job(_JOB, *(int(host.url.rpartition(":")[2]) for host in hosts)),
        _job(_MONGODB, *(host.mongodb_port for host in hosts)),
        *({**_job(one.job, port), **one.scraped} for port, one in exporters.items()),
    ]
    config = {
        "global": {
            "scrape_interval": f"{SCRAPE}s",
            "scrape_timeout": f"{SCRAPE}s",
            # Each evaluation costs as much as a scrape.
            "evaluation_interval": f"{SCRAPE}s",
        },
        "rule_files": [str(rules(place / "rules"))],
        "alerting": {"alertmanagers": [{"static_configs": [_targets(manager)]}]},
        "scrape_configs": jobs,
    }
    (place / "prometheus.yml").write_text(json.dumps(config))
    with receiving() as notifications, ExitStack() as running:
        children = {
            manager: _child(
                place, "prometheus-alertmanager", manager, routes(place, notifications.url)
            ),
            prometheus: _child(place, "prometheus", prometheus, place / "prometheus.yml"),
            **{port: one.child(place, port) for port, one in exporters.items()},
        }
        for port, child in children.items():
            child.start()
            running.callback(stop_all, [child], 10)
            child.wait_until(lambda port=port: _ready(port), patience(30))  # type: ignore[misc]
        watch = Watch(prometheus, notifications)
        wait_until(lambda: ("watchdog", WATCHDOG) in notifications.first, 30)
        # Before the first scrape, all series are absent, so the alerts for absence fire.
        targets = 2 * len(hosts) + len(exporters)
        wait_until(lambda: not watch.firing() and _reached(prometheus) == targets, 30)
        notifications.first.clear()
        yield watch
    shutil.rmtree(place / "tsdb", ignore_errors=True)


def is_installed(exporter: str) -> bool:
    """Whether an exporter is installed, by its name in `PROGRAMS`."""
    return PROGRAMS[exporter].find() is not None


def _reached(port: int) -> int:
    return len(_asked(port, "up == 1"))


def _asked(port: int, query: str) -> list[dict[str, Any]]:
    url = f"http://127.0.0.1:{port}/api/v1/query"
    answer = httpx2.get(url, params={"query": query}, trust_env=False, timeout=patience(5))
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def _job(name: str, *ports: int) -> dict[str, object]:
    return {"job_name": name, "static_configs": [_targets(*ports)]}


@dataclass(frozen=True)
class _Exporter:
    """An exporter.

    Attributes:
        program: Its name in `PROGRAMS`.
        job: The Prometheus job that scrapes it.
        arguments: Its arguments.
        scraped: Further settings of the job.
    """

    program: str
    job: str
    arguments: tuple[str, ...]
    scraped: dict[str, object]

    def child(self, place: Path, port: int) -> Child:
        listen = f"--web.listen-address=127.0.0.1:{port}"
        argv = [program(self.program), listen, *self.arguments]
        return Child(self.program, argv, log=place / f"{self.program}.log")


def _exporters(stack: Place) -> tuple[_Exporter, _Exporter]:
    config = ROOT / "monitoring" / "stack" / "blackbox" / "blackbox.yml"
    target = f"{stack.proxy.url}/health/live"
    only_ours = {
        "source_labels": ["mountpoint"],
        "regex": str(stack.hosts[-1].disk),
        "action": "keep",
    }
    return (
        _Exporter(
            "blackbox-exporter",
            "blackbox",
            (f"--config.file={config}",),
            {"metrics_path": "/probe", "params": {"module": ["http_2xx"], "target": [target]}},
        ),
        _Exporter(
            "node-exporter",
            "node",
            ("--collector.disable-defaults", "--collector.filesystem"),
            {"metric_relabel_configs": [only_ours]},
        ),
    )


def _targets(*ports: int) -> dict[str, list[str]]:
    return {"targets": [f"127.0.0.1:{port}" for port in ports]}


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
        status = httpx2.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False).status_code
    except httpx2.HTTPError:
        return False
    # The exporters have no such page.
    return status in {httpx2.codes.OK, httpx2.codes.NOT_FOUND}
