"""What our collector's configuration keeps, in a real collector.

`make contract-servers` names this file; no other run collects it.
"""

import math
import os
import random
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode

from monitoring.trace_context import continue_trace
from monitoring.tracing.export import TracingConfig, tracing_process
from tests.contract_servers.tracing import (
    COLLECTOR,
    CONFIGURATION,
    JAEGER,
    RunningJaeger,
    collector,
    jaeger,
)
from tests.processes import wait_until
from tests.timing import SCALE

_WAIT = round(5 * SCALE)
_SECOND = 10**9
_TIMES = 100
"""So many are neither all kept nor all dropped by chance."""

Attributes = Mapping[str, str | int]


class Route:
    """From an exporter through the collector to Jaeger."""

    def __init__(self, otlp: str, server: RunningJaeger) -> None:
        self._otlp, self._server = otlp, server
        self._ends = 0

    def send(self, kind: str, number: int, attributes: Attributes, *, seconds: float = 1) -> None:
        """Send traces of one span that are found by their kind, with status OK."""
        with self.provider() as provider:
            for _ in range(number):
                _span(provider, kind, attributes, seconds=seconds)

    @contextmanager
    def provider(self) -> Iterator[TracerProvider]:
        """The service's own tracing; what it recorded is sent at the end."""
        with tracing_process(TracingConfig(self._otlp, 1), "tests") as provider:
            assert provider is not None
            yield provider

    def kept(self, kind: str) -> Sequence[str]:
        """The traces of a kind that Jaeger has, after the collector has decided on all so far."""
        self._ends += 1
        end = f"end-{self._ends}"
        with self.provider() as provider:
            _span(provider, end, failed=True)
        wait_until(lambda: self._server.traces(**{"interview.id": end}), 6 * _WAIT)
        return sorted(self._server.traces(**{"interview.id": kind}))


def _span(
    provider: TracerProvider,
    kind: str,
    attributes: Attributes | None = None,
    *,
    seconds: float = 1,
    failed: bool = False,
) -> str:
    """Record a span, and return it as the header `traceparent`."""
    end = time.time_ns()
    span = provider.get_tracer("tests").start_span(
        "request",
        kind=SpanKind.SERVER,
        attributes={"interview.id": kind, **(attributes or {})},
        start_time=end - round(seconds * _SECOND),
    )
    if failed:
        span.set_status(Status(StatusCode.ERROR))
    span.end(end)
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


@pytest.fixture(scope="module")
def route(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Route]:
    place = tmp_path_factory.mktemp("sampling")
    # The ids of traces decide which are kept; they are random.
    random.seed(7)
    with (
        jaeger(Path(os.environ[JAEGER]), place) as server,
        collector(Path(os.environ[COLLECTOR]), place, server.grpc, f"{_WAIT}s") as otlp,
    ):
        yield Route(otlp, server)


def test_the_configuration_is_valid() -> None:
    argv = [os.environ[COLLECTOR], "validate", f"--config={CONFIGURATION}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("attempt-2", {"interview.attempt": 2}),
        ("attempt-9", {"interview.attempt": 9}),
        ("retry", {"interview.outcome": "retry"}),
        ("failed", {"interview.outcome": "failed"}),
    ],
)
def test_retries_and_failures_are_all_kept(route: Route, kind: str, attributes: Attributes) -> None:
    route.send(kind, _TIMES, attributes)
    assert len(route.kept(kind)) == _TIMES


def test_errors_are_all_kept(route: Route) -> None:
    with route.provider() as provider:
        for _ in range(_TIMES):
            _span(provider, "error", failed=True)
    assert len(route.kept("error")) == _TIMES


def test_traces_over_a_minute_are_all_kept(route: Route) -> None:
    route.send("slow", _TIMES, {}, seconds=61)
    route.send("quick", _TIMES, {}, seconds=58)
    assert len(route.kept("slow")) == _TIMES
    assert len(route.kept("quick")) < _TIMES


def test_a_tenth_of_the_others_is_kept(route: Route) -> None:
    number = 2000
    route.send("good", number, {"interview.attempt": 1, "interview.outcome": "success"})
    deviation = math.sqrt(number * 0.1 * 0.9)
    assert abs(len(route.kept("good")) - number * 0.1) < 4 * deviation


def test_what_comes_after_the_decision_follows_it(route: Route) -> None:
    with route.provider() as provider:
        begun = [_span(provider, "early") for _ in range(_TIMES)]
    kept = route.kept("early")
    assert 0 < len(kept) < _TIMES
    with route.provider() as provider:
        for one in begun:
            with continue_trace(one):
                _span(provider, "late", failed=True)
    assert route.kept("late") == kept
