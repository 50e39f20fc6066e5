"""All specified metrics exist, according to Prometheus' own tools."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tasks.interviews.interview import Status
from tests.requirements import needs, program
from tests.samples import TECHNICAL
from tests.stack import RunningStack, running_stack, wait_for
from tests.timing import patience, wait_until
from worker.local.processes.child import Child, stop_all
from worker.local.processes.ports import free_port

NAMES = {
    "counter": """
        process_network_receive_bytes_total process_network_transmit_bytes_total
        http_requests_total{path,method,status}
        interview_processing_total{status,type} interview_stage_retries_total{stage,reason}
        transcription_requests_total{provider,status} transcription_recoveries_total{provider}
        transcription_audio_seconds_total{provider,mode}
        analysis_requests_total{type,provider,status} analysis_cost_usd_total{provider,model}
        analysis_tokens_total{provider,model,direction}
        analysis_fallbacks_total{type,from_provider,to_provider}
        scheduling_requests_total{status} calendar_api_calls_total{provider,status}
        external_api_requests_total{service,endpoint,status} external_api_errors_total{service}
        mongodb_op_counters_total{type} redis_keyspace_hits_total redis_keyspace_misses_total
        redis_evicted_keys_total kafka_messages_produced_total{topic,status}
        kafka_messages_consumed_total{topic,status}
        celery_task_sent_total{name,hostname,queue_name}
        celery_task_received_total{name,hostname,queue_name}
        celery_task_started_total{name,hostname,queue_name}
        celery_task_succeeded_total{name,hostname,queue_name}
        celery_task_failed_total{name,hostname,queue_name,exception}
        celery_task_rejected_total{name,hostname,queue_name}
        celery_task_revoked_total{name,hostname,queue_name}
        celery_task_retried_total{name,hostname,queue_name}
        """,
    "gauge": """
        http_requests_in_flight{path} interviews_active_total interview_queue_depth{queue,priority}
        interview_queue_oldest_age_seconds{queue} interviews_in_stage{stage}
        analysis_review_agreement_ratio{type} process_cpu_usage{role,process}
        process_memory_usage_bytes{role,process} process_open_fds{role,process}
        process_max_fds{role,process} python_heap_size_used_bytes{role,process}
        python_heap_size_total_bytes{role,process} nodejs_heap_size_used_bytes{role,process}
        nodejs_heap_size_total_bytes{role,process}
        process_start_time_seconds{role,process} interview_worker_build_info{version}
        mongodb_connections_active{type}
        mongodb_connections_available mongodb_up redis_connected_clients redis_memory_used_bytes
        redis_up rabbitmq_up kafka_consumer_lag{topic,partition,group} kafka_up
        celery_worker_up{hostname}
        celery_worker_tasks_active{hostname} celery_queue_length{queue_name}
        celery_active_consumer_count{queue_name} celery_active_worker_count{queue_name}
        celery_active_process_count{queue_name} redis_eviction_allowed redis_persistence_enabled
        """,
    "histogram": """
        http_request_duration_seconds{path,method}
        interview_processing_duration_seconds{status,type}
        interview_stage_duration_seconds{stage,status} interview_queue_wait_seconds{queue}
        transcription_duration_seconds{provider} transcription_confidence_score{provider}
        transcription_real_time_factor{provider} transcription_audio_snr_decibels
        transcription_audio_silence_ratio transcription_audio_clipping_ratio
        analysis_duration_seconds{type,provider} analysis_confidence_score{type}
        scheduling_duration_seconds external_api_duration_seconds{service,endpoint,status}
        celery_task_runtime{name,hostname,queue_name}
        celery_task_queue_wait_time{name,hostname,queue_name}
        """,
}
"""The specified names and labels."""

UNITS = {"seconds", "bytes", "decibels", "ratio", "usd"}

BUCKETS: dict[str, list[float]] = {
    "interview_processing_duration_seconds": [1, 5, 10, 30, 60, 120, 300],
    "external_api_duration_seconds": [0.1, 0.5, 1, 2, 5, 10, 30],
}

UNEVENTFUL = {
    "interview_stage_retries_total",
    "analysis_cost_usd_total",
    "analysis_fallbacks_total",
    "analysis_review_agreement_ratio",
    "analysis_tokens_total",
    "rabbitmq_up",
}
"""Metrics without samples after one interview without failures, since their labels are unknown or
the broker is another one."""

LINT = {
    "interviews_active_total": 'non-counter metrics should not have "_total" suffix',
    "celery_active_consumer_count": 'should not have "_count" suffix',
    "celery_active_process_count": 'should not have "_count" suffix',
    "celery_active_worker_count": 'should not have "_count" suffix',
}
"""promtool's complaints: the first name was specified, the others are celery-exporter's."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The stack after one interview."""
    with running_stack(tmp_path_factory.mktemp("names")) as running:
        interview = running.api.submit(
            TECHNICAL,
            {
                "type": "technical",
                "candidate": {"name": "A", "email": "a@example.com"},
                "interviewers": [{"name": "B", "email": "b@example.com"}],
                "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
            },
        )
        assert wait_for(running.api, interview.id).status is Status.COMPLETED
        yield running


def wanted(kind: str) -> dict[str, list[str]]:
    named = (each.rstrip("}").partition("{") for each in NAMES[kind].split())
    return {name: labels.split(",") if labels else [] for name, _, labels in named}


def families(running: RunningStack) -> dict[str, Any]:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    text = httpx2.get(f"{running.stack.api_url}/metrics", headers=accept).text
    parse: Any = text_string_to_metric_families
    return {family.name: family for family in parse(text)}


@pytest.mark.parametrize("kind", NAMES)
def test_every_name_is_there(running: RunningStack, kind: str) -> None:
    wait_until(lambda: families(running)["celery_worker_up"].samples)
    found = families(running)
    for name, labels in wanted(kind).items():
        family = found[name.removesuffix("_total") if kind == "counter" else name]
        assert family.type == kind
        assert family.documentation
        last = family.name.rpartition("_")[2]
        assert family.unit == (last if last in UNITS else "")
        assert bool(family.samples) == (name not in UNEVENTFUL), name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(labels), name
        for le in BUCKETS.get(name, ()):
            assert str(float(le)) in {sample.labels.get("le") for sample in family.samples}


def test_requests_have_the_objective_for_a_bucket(running: RunningStack) -> None:
    samples = families(running)["http_request_duration_seconds"].samples
    assert "0.5" in {sample.labels.get("le") for sample in samples}


@needs("promtool")
def test_promtool_finds_no_other_fault(running: RunningStack) -> None:
    text = httpx2.get(f"{running.stack.api_url}/metrics").text
    command = [program("promtool"), "check", "metrics"]
    checked = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    faults = dict(line.split(" ", 1) for line in checked.stderr.splitlines())
    assert set(faults) == set(LINT)
    assert all(LINT[name] in fault for name, fault in faults.items())


@needs("prometheus")
def test_prometheus_scrapes_it(running: RunningStack, tmp_path: Path) -> None:
    port = free_port()
    targets = {
        "interview-worker": running.stack.api_url.removeprefix("http://"),
        "interview-worker-mongodb": f"127.0.0.1:{running.settings.mongodb_metrics_port}",
    }
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target]}]}
            for job, target in targets.items()
        ],
    }
    path = tmp_path / "prometheus.yml"
    path.write_text(json.dumps(config))
    prometheus = Child(
        "prometheus",
        [
            program("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        log=tmp_path / "log",
    )

    def ask(query: str) -> list[dict[str, Any]]:
        url = f"http://127.0.0.1:{port}/api/v1/query"
        try:
            found: list[dict[str, Any]] = httpx2.get(url, params={"query": query}).json()["data"][
                "result"
            ]
        except (httpx2.HTTPError, ValueError):
            return []
        return found

    prometheus.start()
    try:
        prometheus.wait_until(lambda: len(ask("up == 1")) == 2, patience(30))
        (success,) = ask('interview_processing_total{status="success", job="interview-worker"} > 0')
        assert success["value"][1] == "1"
        (alone,) = ask('mongodb_up{job="interview-worker-mongodb"}')
        assert alone["value"][1] == "1"
    finally:
        stop_all([prometheus], 10)
