"""The links in alerts, as Prometheus with our configuration sends them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.stack.prometheus.files import PLACE
from tests.alerting.live.watch import WATCHDOG
from tests.compose import load
from tests.requirements import needs, program
from tests.timing import wait_until
from worker.local.processes.child import Child
from worker.local.processes.ports import free_port

GRAFANA = "https://grafana.example.com"


@contextmanager
def alertmanager() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An Alertmanager that only receives; yields its address and the alerts."""
    alerts: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            alerts.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", alerts
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def prometheus(place: Path, receiver: str) -> Iterator[None]:
    """Prometheus with the configuration and the features of docker-compose.yml."""
    config = yaml.safe_load(PLACE.with_name("prometheus.yml").read_text())
    config["global"]["evaluation_interval"] = "1s"
    config["rule_files"] = [str(PLACE / "*.yml")]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [receiver]}]}]
    config["scrape_configs"] = []
    file = place / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    command = load()["services"]["prometheus"]["command"]
    child = Child(
        "prometheus",
        [
            program("prometheus"),
            *(option for option in command if option.startswith("--enable-feature")),
            f"--config.file={file}",
            f"--storage.tsdb.path={place / 'data'}",
            f"--web.listen-address=127.0.0.1:{free_port()}",
            "--web.external-url=https://prometheus.example.com",
        ],
        log=place / "prometheus.log",
        env={"GRAFANA_URL": GRAFANA},
    )
    child.start()
    try:
        yield
    finally:
        child.kill()


@pytest.mark.slow
@needs("prometheus")
def test_links_point_to_the_given_url_of_grafana(tmp_path: Path) -> None:
    with alertmanager() as (address, alerts), prometheus(tmp_path, address):
        wait_until(lambda: alerts, 30)
    (alert, *_) = (one for one in alerts if one["labels"]["alertname"] == WATCHDOG)
    links = alert["annotations"]
    assert links["runbook_url"] == f"{GRAFANA}/public/runbooks/{WATCHDOG}.md"
    assert links["dashboard"].startswith(f"{GRAFANA}/d/")
    assert alert["generatorURL"].startswith("https://prometheus.example.com/")
    assert "grafana_url" not in alert["labels"]
