"""One run of the real stack: what its logs and traces contain, and must not contain."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from kafka import KafkaProducer
from rich.console import Console
from typer.testing import CliRunner

from monitoring import metrics
from monitoring.stack.elasticsearch.fields import FIELDS
from tasks.interviews.interview import Interview, Stage, Status
from tests.clips import noise
from tests.monitoring.figures import Figures, busy, scraped
from tests.monitoring.planted import ADDRESS, NUMBER, PLANTED, TOKEN, named, particulars
from tests.monitoring.scripted_stack import scripted_stack
from tests.monitoring.scripted_worker import CANARY, RECYCLE_AFTER
from tests.processes import ROOT, wait_for, wait_until
from tests.servers.jaeger import jaeger
from tests.servers.otlp import KINDS, Collector, SeenSpan, collector
from tests.stack import RunningStack
from worker.cli.commands import app

SCHEMA = ROOT / "monitoring" / "logs" / "line.schema.json"

_SCRIPT = (
    *(f"go-none-{number}" for number in range(8)),
    *(f"{what}-{stage}-0" for what in ("retry", "burst", "fail") for stage in Stage),
)


@dataclass(frozen=True)
class Story:
    """The output of the run."""

    interviews: dict[str, Interview]
    figures: Figures
    lines: list[tuple[str, str]]
    collector: Collector
    answer: httpx2.Response
    told_of_level: list[str]
    timeline: str


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    place = tmp_path_factory.mktemp("story")
    clip = noise(place / "clip.wav")
    environment = {
        "OTEL_TRACES_SAMPLER_ARG": "1",
        "WEBHOOK_SECRET": "whsec_" + "Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5",
        "WEBHOOK_BACKOFF": "0.1",
        "CALLBACK_URL_ALLOW_PRIVATE": "true",
    }
    with collector() as collected, pytest.MonkeyPatch.context() as patch:
        patch.setenv(RECYCLE_AFTER, "4")
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collected.url
        with scripted_stack(place, **environment) as running:
            level = httpx2.put(f"{running.stack.api_url}/api/v1/log-level", json={"level": "DEBUG"})
            ids = {
                name: str(running.api.submit(named(clip, name), particulars(name)).id)
                for name in _SCRIPT
            }
            answer = knock(running.stack.api_url, ids["go-none-0"])
            ask_by_kafka(running.settings.kafka_bootstrap_servers or "")
            wait_until(lambda: all(running.api.get(one).status.final for one in ids.values()), 90)
            wait_for(lambda: busy(scraped(running.stack.api_url)), {}, 40)
            wait_until(lambda: logged(running.stack.log_dir, "request .* rejected"), 30)
            figures = scraped(running.stack.api_url)
            interviews = {name: running.api.get(one) for name, one in ids.items()}
            logs = running.stack.log_dir
            # Spans are sent every five seconds; on a fast machine the whole run is shorter.
            wait_until(lambda: has_ended(collected, ids["retry-analyse-0"]), 20)
            timeline = traced(running, collected, ids["retry-analyse-0"])
        lines = [
            (name, line)
            for name in ("server", "worker-all")
            for line in (logs / f"{name}.log").read_text().splitlines()
        ]
        told_of = level.json()["processes"]
        yield Story(interviews, figures, lines, collected, answer, told_of, timeline)


def knock(url: str, interview_id: str) -> httpx2.Response:
    """Send requests with sensitive data in every place; returns the response to a valid one."""
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Request-ID": "story-1"}
    api = f"{url}/api/v1/interviews"
    bad = {**particulars("x"), "audio_url": f"http://127.0.0.1:9/a?sig={TOKEN}", "canary": CANARY}
    with httpx2.Client(headers=headers) as client:
        assert client.get(f"{api}/{CANARY}?email={ADDRESS}").status_code == 422
        assert client.post(api, json=bad).status_code == 422
        assert client.get(f"{url}/{ADDRESS}/{NUMBER}").status_code == 404
        return client.get(f"{api}/{interview_id}?of={ADDRESS}")


def traced(running: RunningStack, collected: Collector, interview_id: str) -> str:
    """The command line's output about an interview."""
    with jaeger(collected) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.cli.tracing.out", Console(width=160))
        environment = {
            "API_URL": running.stack.api_url,
            "JAEGER_URL": url,
            "DATA_DIR": str(running.settings.data_dir),
        }
        done = CliRunner().invoke(app, ["trace", interview_id], env=environment)
    assert done.exit_code == 0, done.output
    return done.output


def ask_by_kafka(servers: str) -> None:
    producer = KafkaProducer(bootstrap_servers=servers)
    try:
        bad = {"candidate": {"name": CANARY, "email": ADDRESS, "phone": NUMBER}}
        producer.send("interviews.requested", json.dumps(bad).encode()).get(10)
        producer.send("interviews.requested", f"{CANARY}, not JSON".encode()).get(10)
    finally:
        producer.close()


def logged(logs: Path, what: str) -> bool:
    return re.search(what, (logs / "server.log").read_text()) is not None


def has_ended(collected: Collector, interview_id: str) -> bool:
    """Whether all spans of an interview have arrived, from submission to the last stage."""
    submitted = collected.named("POST /api/v1/interviews")
    if not any(one.attributes.get("interview.id") == interview_id for one in submitted):
        return False
    return any(one.name == "process interviews.schedule" for one in collected.of(interview_id))


def test_every_line_is_as_the_schema_says(story: Story) -> None:
    schema = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert len(story.lines) > 100
    for name, line in story.lines:
        assert line.startswith("{"), (name, line)
        assert [wrong.message for wrong in schema.iter_errors(json.loads(line))] == [], line
    seen = {field for _, line in story.lines for field in json.loads(line)}
    assert seen == {field.line for field in FIELDS} - {"userId"}


@pytest.mark.parametrize("what", PLANTED)
def test_nothing_about_people_is_told(story: Story, what: str) -> None:
    assert [line for _, line in story.lines if what in line.lower()] == []
    spans = [span for span in story.collector.spans if what in str(span.raw).lower()]
    assert spans == []


def test_failures_tell_where_and_what_but_not_the_words(story: Story) -> None:
    failed = story.interviews["burst-analyse-0"]
    found = [
        fields
        for _, line in story.lines
        if (fields := json.loads(line)).get("interviewId") == failed.id
        and fields.get("error.type") == "RuntimeError"
    ]
    assert found
    assert "scripted_worker.py" in found[0]["error.stack"]
    assert found[0]["operation"] == "analyse"
    assert found[0]["attempt"] == 1


def test_one_id_leads_to_the_lines_of_all_stages_and_to_the_trace(story: Story) -> None:
    one = story.interviews["go-none-3"]
    lines = [json.loads(line) for name, line in story.lines if name != "server" and one.id in line]
    ended = [line for line in lines if line["message"].endswith("ended: success")]
    assert [line["operation"] for line in ended] == [str(stage) for stage in Stage]
    assert [line.get("provider") for line in ended] == ["truth", "fake", "memory"]
    (trace,) = {line["traceId"] for line in lines if "traceId" in line}
    assert {span.trace_id for span in story.collector.of(one.id)} == {trace}


def test_an_answer_tells_its_request_and_its_trace(story: Story) -> None:
    assert story.answer.headers["X-Request-ID"] == "story-1"
    _, trace, _, sampled = story.answer.headers["traceparent"].split("-")
    assert int(sampled, 16) & 1
    (span,) = (
        one
        for one in story.collector.traces()[trace]
        if one.name == "GET /api/v1/interviews/{interview_id}"
    )
    assert span.attributes["interview.id"] == story.interviews["go-none-0"].id
    assert span.attributes["http.response.status_code"] == 200


def test_the_level_is_changed_in_all_processes(story: Story) -> None:
    assert len(story.told_of_level) == 2
    assert story.told_of_level[1] == "sidecar"
    quiet = {name for name, line in story.lines if json.loads(line)["level"] == "DEBUG"}
    assert quiet == {"server", "worker-all"}


def test_the_command_line_tells_the_timeline(story: Story) -> None:
    lines = story.timeline.splitlines()
    trace = story.collector.of(story.interviews["retry-analyse-0"].id)[0].trace_id
    assert lines[0].endswith(f"/trace/{trace}")
    for what in (
        r"interview\s+submitted\s+technical",
        r"interview\s+waits for analyse",
        r"interview\s+analyse\s+attempt \d, by fake, attempt 1 failed: scripted",
        r"log\s+analyse ended: retry: scripted\s+WARN",
        r"span\s+process interviews.analyse",
        r"interview\s+completed\s+in all",
    ):
        assert any(re.search(what, line) for line in lines), (what, story.timeline)


def drawn(spans: list[SeenSpan], parent: str = "") -> dict[str, Any]:
    """The tree of spans by name, without database spans."""
    return {
        span.name: drawn(spans, span.id)
        for span in spans
        if span.parent == parent and not {"db.system.name", "db.system"} & span.attributes.keys()
    }


def test_the_trace_of_an_interview_is_whole(story: Story) -> None:
    spans = story.collector.of(story.interviews["go-none-3"].id)
    assert drawn(spans) == {
        "POST /api/v1/interviews": {
            "send interviews.transcribe": {
                "wait interviews.transcribe": {},
                "process interviews.transcribe": {
                    "transcribe scripted": {},
                    "send interviews.analyse": {
                        "wait interviews.analyse": {},
                        "process interviews.analyse": {
                            "chat fake-1": {},
                            "send interviews.schedule": {
                                "wait interviews.schedule": {},
                                "process interviews.schedule": {"book": {}},
                            },
                        },
                    },
                },
            },
            "send interviews.events": {},
            "webhook /{callback}": {},
        }
    }
    counted = Counter(span.name for span in spans)
    assert counted["chat fake-1"] == 3
    assert counted["send interviews.events"] == 5
    kinds = {span.name: span.kind for span in spans}
    assert kinds["send interviews.analyse"] == KINDS.SPAN_KIND_PRODUCER
    assert kinds["process interviews.analyse"] == KINDS.SPAN_KIND_CONSUMER
    assert kinds["update interviews"] == KINDS.SPAN_KIND_CLIENT


def test_a_retry_is_in_the_same_trace_and_shows(story: Story) -> None:
    for stage in Stage:
        spans = story.collector.of(story.interviews[f"retry-{stage}-0"].id)
        # A redelivered message finds the stage already claimed.
        first, second = (
            span
            for span in spans
            if span.name == f"process interviews.{stage}"
            and span.attributes["interview.outcome"] != "unwanted"
        )
        assert (first.is_error, first.events) == (True, ("retry",))
        assert first.attributes["interview.outcome"] == "retry"
        assert (second.is_error, second.attributes["interview.attempt"]) == (False, 2)


def test_a_failure_shows(story: Story) -> None:
    for name, one in story.interviews.items():
        if one.status is Status.FAILED:
            last = f"process interviews.{name.split('-')[1]}"
            (span,) = (span for span in story.collector.of(one.id) if span.name == last)
            assert span.is_error
            assert span.attributes["interview.outcome"] == "failed"


def test_no_run_is_lost_when_children_are_replaced_and_at_the_end(story: Story) -> None:
    started = sum(story.figures.by_labels(metrics.CELERY_STARTED).values())
    runs = [span for span in story.collector.spans if span.name.startswith("process interviews.")]
    assert len(runs) == started
    assert len({span.instance for span in runs}) >= started // 4
