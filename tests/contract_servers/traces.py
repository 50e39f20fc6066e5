"""The traces of a real run in a real Jaeger, sent by our exporter or through our collector.

`make contract-servers` names this file; no other run collects it.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import SpanKind
from rich.console import Console
from typer.testing import CliRunner

from monitoring.tracing.export import TracingConfig, tracing_process
from monitoring.tracing.redaction import ALLOWED_PREFIXES
from tasks.clock import now
from tests.clips import noise
from tests.contract_servers.tracing import COLLECTOR, JAEGER, RunningJaeger, collector, jaeger
from tests.monitoring.planted import PLANTED, named, particulars
from tests.monitoring.scripted_stack import scripted_stack
from tests.processes import wait_until
from tests.stack import RunningStack
from tests.timing import SCALE
from worker.adapters.jaeger import Jaeger
from worker.cli.commands import app

_WAIT = f"{round(30 * SCALE)}s"
"""Longer than the run takes, so that no span comes after the decision."""

_SCRIPT = ("go-none-0", "retry-analyse-0", "fail-schedule-0", "burst-analyse-0")
_ROOT = "POST /api/v1/interviews"
_RUN = "process interviews."

_JAEGERS = {
    *("span.kind", "error", "otel.status_code", "internal.span.format"),
    *("otel.scope.name", "otel.scope.version", "w3c.tracestate"),
}
"""Attributes that Jaeger adds to a span."""

Spans = list[dict[str, Any]]


@dataclass(frozen=True)
class Run:
    """What Jaeger has after a run.

    Attributes:
        spans: The spans of each interview that failed or was retried, by the name in the script.
        timelines: What `interview-worker trace` printed of each of them.
        everything: All traces, as Jaeger returned them.
        otlp: The URL that received the spans.
        server: Jaeger.
    """

    spans: dict[str, Spans]
    timelines: dict[str, str]
    everything: dict[str, Spans]
    otlp: str
    server: RunningJaeger


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    place = tmp_path_factory.mktemp("traces")
    clip = noise(place / "clip.wav")
    with ExitStack() as servers:
        server = servers.enter_context(jaeger(Path(os.environ[JAEGER]), place))
        otlp = server.http
        if program := os.environ.get(COLLECTOR):
            otlp = servers.enter_context(collector(Path(program), place, server.grpc, _WAIT))
        environment = {"OTEL_TRACES_SAMPLER_ARG": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": otlp}
        with scripted_stack(place, **environment) as running:
            ids = {
                name: str(
                    running.api.submit(
                        named(clip, name), {**particulars(name), "callback_url": None}
                    ).id
                )
                for name in _SCRIPT
            }
            wait_until(lambda: all(running.api.get(one).status.final for one in ids.values()), 60)
            # The collector keeps a tenth of those that did not fail.
            kept = {name: one for name, one in ids.items() if not name.startswith("go-")}
            wait_until(lambda: all(_is_whole(server, one) for one in kept.values()), 60)
            timelines = {name: _timeline(running, server, one) for name, one in kept.items()}
        spans = {name: _trace(server, one) for name, one in kept.items()}
        yield Run(spans, timelines, server.traces(), otlp, server)


def _trace(server: RunningJaeger, interview_id: str) -> Spans:
    found = server.traces(**{"interview.id": interview_id}).values()
    return next(
        (spans for spans in found if any(one["operationName"] == _ROOT for one in spans)), []
    )


def _is_whole(server: RunningJaeger, interview_id: str) -> bool:
    """Whether the last attempt has arrived, and its parents up to the request."""
    spans = _trace(server, interview_id)
    ids = {one["spanID"] for one in spans}
    parents = {ref["spanID"] for one in spans for ref in one["references"]}
    outcomes = {
        _tags(one).get("interview.outcome")
        for one in spans
        if one["operationName"].startswith(_RUN)
    }
    ended = "failed" in outcomes or f"{_RUN}schedule" in {one["operationName"] for one in spans}
    return ended and parents <= ids


def _tags(span: dict[str, Any]) -> dict[str, Any]:
    return {tag["key"]: tag["value"] for tag in span["tags"]}


def _timeline(running: RunningStack, server: RunningJaeger, interview_id: str) -> str:
    environment = {
        "API_URL": running.stack.api_url,
        "JAEGER_URL": server.url,
        "DATA_DIR": str(running.settings.data_dir),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.cli.tracing.out", Console(width=160))
        done = CliRunner().invoke(app, ["trace", interview_id], env=environment)
    assert done.exit_code == 0, done.output
    return done.output


def _steps(spans: Spans) -> set[tuple[str, str]]:
    """The names of parents and children, without database spans."""
    names = {one["spanID"]: one["operationName"] for one in spans}
    return {
        (names[ref["spanID"]], one["operationName"])
        for one in spans
        for ref in one["references"]
        if not {"db.system.name", "db.system"} & _tags(one).keys()
    }


def test_the_trace_of_an_interview_is_whole(run: Run) -> None:
    spans = run.spans["retry-analyse-0"]
    assert [one["operationName"] for one in spans if not one["references"]] == [_ROOT]
    stages = ("transcribe", "analyse", "schedule")
    messages = {
        (f"send interviews.{stage}", f"{what} interviews.{stage}")
        for stage in stages
        for what in ("wait", "process")
    }
    work = {
        (_ROOT, "send interviews.transcribe"),
        ("process interviews.transcribe", "transcribe scripted"),
        ("process interviews.transcribe", "send interviews.analyse"),
        ("process interviews.analyse", "chat fake-1"),
        ("process interviews.analyse", "send interviews.schedule"),
        ("process interviews.schedule", "book"),
        (_ROOT, "send interviews.events"),
    }
    retry = {
        (_ROOT, "send interviews.analyse"),
        ("process interviews.analyse", "analyse sentiment"),
    }
    assert _steps(spans) == messages | work | retry


def test_spans_have_the_attributes_of_the_interview(run: Run) -> None:
    for spans in run.spans.values():
        runs = [one for one in spans if one["operationName"].startswith(_RUN)]
        assert len({_tags(one)["interview.id"] for one in runs}) == 1
        for one in runs:
            tags = _tags(one)
            queue = one["operationName"].removeprefix("process ")
            assert tags["messaging.destination.name"] == queue
            assert f"interviews.{tags['interview.stage']}" == queue
            assert tags["span.kind"] == "consumer"
            assert tags["interview.attempt"] in (1, 2)


def test_failures_and_retries_are_errors(run: Run) -> None:
    for name, outcome in (
        ("retry-analyse-0", "retry"),
        ("fail-schedule-0", "failed"),
        ("burst-analyse-0", "failed"),
    ):
        wrong = [
            one
            for one in run.spans[name]
            if one["operationName"].startswith(_RUN) and _tags(one).get("error") is True
        ]
        assert [_tags(one)["interview.outcome"] for one in wrong] == [outcome]
    events = Counter(
        field["value"]
        for one in run.spans["retry-analyse-0"]
        for log in one["logs"]
        for field in log["fields"]
        if field["key"] == "event"
    )
    assert events["retry"] == 1


@pytest.mark.parametrize("what", PLANTED)
def test_nothing_about_people_is_in_jaeger(run: Run, what: str) -> None:
    assert run.everything
    assert what not in str(run.everything).lower()


def test_only_allowed_attributes_arrive(run: Run) -> None:
    seen = {name for spans in run.everything.values() for one in spans for name in _tags(one)}
    assert {name for name in seen - _JAEGERS if not name.startswith(ALLOWED_PREFIXES)} == set()


def test_the_command_line_tells_the_spans(run: Run) -> None:
    timeline = run.timelines["retry-analyse-0"]
    assert timeline.splitlines()[0].startswith(f"Trace {run.server.url}/trace/")
    assert re.search(r"span\s+process interviews.analyse", timeline)
    assert re.search(r"span\s+POST /api/v1/interviews", timeline)


def test_an_older_trace_is_found(run: Run) -> None:
    """Jaeger searches two days back unless it is asked for more."""
    with tracing_process(TracingConfig(run.otlp, 1), "tests") as provider:
        began = int((now() - timedelta(days=5)).timestamp() * 1e9)
        span = provider.get_tracer("tests").start_span(
            _ROOT, kind=SpanKind.SERVER, start_time=began, attributes={"interview.id": "old"}
        )
        # Over a minute long, so that the collector keeps it.
        span.end(began + 90 * 10**9)
    with closing(Jaeger(run.server.url)) as client:
        wait_until(lambda: client.spans("old"), 60)
