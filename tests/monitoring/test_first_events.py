"""The first event of every counter is visible to a real Prometheus."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx2
from prometheus_client import CollectorRegistry, make_wsgi_app

from monitoring.metrics.definitions import Counter, Histogram
from monitoring.metrics.exposition import Exposition
from monitoring.metrics.initial import (
    COUNTED,
    OPEN,
    Series,
    celery_series,
    known_series,
    published_series,
)
from monitoring.metrics.recording import Recorder
from monitoring.stack.grafana import queries
from monitoring.stack.grafana.catalogue import DASHBOARDS
from monitoring.stack.grafana.preview.source import Source, Window
from monitoring.stack.prometheus import expressions
from monitoring.stack.prometheus.files import contents
from tasks.pipeline.queues import QUEUES
from tests.dashboards.prometheus import scraping
from tests.label_values import CONFIGURATION
from tests.requirements import needs
from tests.timing import wait_for, wait_until


def known() -> Iterator[Series]:
    yield from known_series(CONFIGURATION)
    yield from celery_series("all@host", QUEUES)
    yield from published_series("all@host")


def expressions_in_use() -> str:
    panels = (q.expression for d in DASHBOARDS for p in d.panels for q in p.queries)
    return "\n".join((*panels, *contents().values()))


def in_use() -> list[Counter | Histogram]:
    """Those that a rule or a panel uses."""
    text = expressions_in_use()
    return [one for one in COUNTED if re.search(rf"\b{one.name}(_bucket|_count|_sum)?\b", text)]


def test_every_labelled_counter_is_known_or_open() -> None:
    there = {metric.name for metric, _ in known()}
    labelled = {metric.name for metric in COUNTED if metric.labels}
    assert labelled <= there | {metric.name for metric in OPEN}


def record(recorder: Recorder, metric: Counter | Histogram) -> None:
    """Record the first event of a metric."""
    if isinstance(metric, Counter) and metric.counts is not None:
        metric = metric.counts
    if isinstance(metric, Histogram) and metric.sums is not None:
        metric = metric.sums[0]
    given = next((values for one, values in known() if one == metric), None)
    if metric in OPEN or given is None:
        given = tuple("never-seen" for _ in metric.labels)
    by_name = dict(zip(metric.labels, given, strict=True))
    labels = [by_name[name] for name in metric.recorded_labels]
    if isinstance(metric, Histogram):
        recorder.observe(metric, 1, *labels)
    else:
        recorder.count(metric, *labels)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def exposed(recorder: Recorder) -> Iterator[str]:
    """Serve a process's metrics; gives host and port."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Exposition([recorder], initial=known))
    server = make_server("127.0.0.1", 0, make_wsgi_app(registry), handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@needs("prometheus")
def test_prometheus_sees_the_first_event_of_every_counter(tmp_path: Path) -> None:
    recorder = Recorder("all@host")
    with (
        exposed(recorder) as target,
        scraping({"interview-worker": target}, tmp_path, interval=1) as url,
    ):
        wait_until(lambda: value(url, "count_over_time(up[1m]) > 3") is not None, 30)
        for metric in in_use():
            record(recorder, metric)
        wait_for(lambda: unseen(url), [], 30)


def unseen(url: str) -> list[str]:
    """The counters whose increase is 0, as rules and panels compute it."""
    now = time.time()
    source = Source(
        url, Window(now - 1800, now, 1, 60), {"job": "interview-worker", "instance": ".+"}
    )
    missing = []
    for metric in in_use():
        panel = [one.last for one in source.at_end(queries.counted(metric))]
        rule = value(url, expressions.increase(metric, "30m"))
        if not panel or not panel[0] > 0 or rule is None or not float(rule) > 0:
            missing.append(metric.name)
    return missing


def value(url: str, query: str) -> str | None:
    answer = httpx2.get(f"{url}/api/v1/query", params={"query": query}, trust_env=False)
    answer.raise_for_status()
    found = answer.json()["data"]["result"]
    return str(found[0]["value"][1]) if found else None
