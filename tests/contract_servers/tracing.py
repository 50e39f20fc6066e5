"""A real Jaeger, and a real OpenTelemetry Collector with our configuration."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from monitoring import SERVICE
from tests.processes import ROOT
from worker.local.processes.child import Child, stop_all
from worker.local.processes.ports import free_port

CONFIGURATION = ROOT / "monitoring" / "stack" / "otel" / "collector.yml"
COLLECTOR = "CONTRACT_COLLECTOR"
"""The variable with the program of the collector."""

JAEGER = "CONTRACT_JAEGER"
"""The variable with the program of Jaeger."""

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_MOST_TRACES = 5000
_NO_METRICS = {"telemetry": {"metrics": {"level": "none"}}}
"""Otherwise both serve their own metrics on port 8888."""


@dataclass(frozen=True)
class RunningJaeger:
    """A running Jaeger.

    Attributes:
        url: Its HTTP API.
        http: Where it receives OTLP over HTTP: a URL.
        grpc: Where it receives OTLP over gRPC: a host and a port.
    """

    url: str
    http: str
    grpc: str

    def traces(self, **tags: str) -> dict[str, list[dict[str, Any]]]:
        """The spans by the id of their trace, of traces in which a span has these tags."""
        query = {
            "service": SERVICE,
            "limit": str(_MOST_TRACES),
            "start": "1",
            "tags": json.dumps(tags),
        }
        answer = httpx2.get(f"{self.url}/api/traces", params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return {trace["traceID"]: trace["spans"] for trace in answer.json()["data"]}


@contextmanager
def jaeger(program: Path, place: Path) -> Iterator[RunningJaeger]:
    """Run Jaeger with its storage in memory for the duration of the context.

    Args:
        program: Where it is.
        place: The directory for its configuration and its log.
    """
    query, http, grpc = (f"127.0.0.1:{free_port()}" for _ in range(3))
    file = _written(place / "jaeger.yml", _jaeger(query, http, grpc))
    running = RunningJaeger(f"http://{query}", f"http://{http}", grpc)
    child = Child("jaeger", [str(program), f"--config={file}"], log=place / "jaeger.log")
    with _started(child, f"{running.url}/api/services"):
        yield running


@contextmanager
def collector(program: Path, place: Path, target: str, wait: str) -> Iterator[str]:
    """Run the collector with our configuration for the duration of the context.

    Only addresses and the time until it decides differ from the file.

    Args:
        program: Where it is.
        place: The directory for its log.
        target: Where Jaeger receives OTLP over gRPC.
        wait: The time from the first span of a trace to the decision, such as `5s`.

    Yields:
        The URL at which it receives OTLP over HTTP.
    """
    http, health = (f"127.0.0.1:{free_port()}" for _ in range(2))
    changes = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": http}}}},
        "processors": {"tail_sampling": {"decision_wait": wait}},
        "exporters": {"otlp/jaeger": {"endpoint": target}},
        "extensions": {"health_check": {"endpoint": health}},
        "service": _NO_METRICS,
    }
    file = _written(place / "changes.yml", changes)
    argv = [str(program), f"--config={CONFIGURATION}", f"--config={file}"]
    with _started(Child("collector", argv, log=place / "collector.log"), f"http://{health}"):
        yield f"http://{http}"


@contextmanager
def _started(child: Child, url: str) -> Iterator[None]:
    try:
        child.start()
        child.wait_until(lambda: _answers(url), _START_SECONDS)
        yield
    finally:
        stop_all([child], _STOP_SECONDS)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def _written(file: Path, settings: Mapping[str, object]) -> Path:
    # JSON is YAML.
    file.write_text(json.dumps(settings))
    return file


def _jaeger(query: str, http: str, grpc: str) -> dict[str, object]:
    return {
        "receivers": {"otlp": {"protocols": _endpoints(http, grpc)}},
        "processors": {"batch": {}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
        "extensions": {
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 100_000}}}},
            "jaeger_query": {
                "storage": {"traces": "memory"},
                **_endpoints(query, f"127.0.0.1:{free_port()}"),
            },
        },
        "service": {
            **_NO_METRICS,
            "extensions": ["jaeger_storage", "jaeger_query"],
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["batch"],
                    "exporters": ["jaeger_storage_exporter"],
                }
            },
        },
    }


def _endpoints(http: str, grpc: str) -> dict[str, object]:
    return {"http": {"endpoint": http}, "grpc": {"endpoint": grpc}}
