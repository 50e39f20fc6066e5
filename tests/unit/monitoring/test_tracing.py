"""Traces: sampling, redaction, and export that does not block."""

import math
import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from monitoring.trace_context import continue_trace, current_traceparent, trace_ids
from monitoring.tracing.export import TracingConfig, tracing_process
from tasks.context import attributes, bound_context, interview_field
from tasks.signals import ServiceCalled, service_called
from tests.servers.otlp import Collector, collector
from tests.timing import within

_BEGUN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collected() -> Iterator[Collector]:
    with collector() as found:
        yield found


def begin(provider: TracerProvider, number: int) -> None:
    tracer = provider.get_tracer("tests")
    for _ in range(number):
        with (
            tracer.start_as_current_span("request", kind=SpanKind.SERVER),
            tracer.start_as_current_span("query", kind=SpanKind.CLIENT),
        ):
            pass


def test_a_tenth_of_the_traces_is_sampled_completely(collected: Collector) -> None:
    number, ratio = 2000, 0.1
    # Trace ids are random; without a seed, one run in 370 would exceed the tolerance.
    random.seed(7)
    with tracing_process(TracingConfig(collected.url, ratio), "tests") as provider:
        begin(provider, number)
    traces = collected.traces()
    deviation = math.sqrt(number * ratio * (1 - ratio))
    assert abs(len(traces) - number * ratio) < 3 * deviation
    assert all([span.name for span in spans] == ["query", "request"] for spans in traces.values())


def test_sampling_decision_of_the_caller_is_respected(collected: Collector) -> None:
    with tracing_process(TracingConfig(collected.url, 0), "tests") as provider:
        begin(provider, 1)
        with continue_trace(_BEGUN):
            begin(provider, 1)
    assert {span.trace_id for span in collected.spans} == {_BEGUN.split("-")[1]}


def test_queries_outside_of_work_are_not_traced(collected: Collector) -> None:
    with tracing_process(TracingConfig(collected.url, 1), "tests") as provider:
        with provider.get_tracer("tests").start_as_current_span("BRPOP", kind=SpanKind.CLIENT):
            pass
        begin(provider, 1)
    assert len(collected.spans) == 2


def test_spans_have_only_allowed_attributes(collected: Collector) -> None:
    with (
        tracing_process(TracingConfig(collected.url, 1, {"x-key": "k"}), "tests") as provider,
        bound_context(interview_id="i-1", attempt=2),
        provider.get_tracer("tests").start_as_current_span(
            "request", kind=SpanKind.SERVER, record_exception=True
        ) as span,
    ):
        span.set_attributes(
            {
                "http.route": "/a",
                "url.query": "email=maya@company.example",
                "messaging.message.id": "of maya@company.example",
                "client.address": "192.0.2.1",
            }
        )
        span.record_exception(ValueError("Maya said"))
        service_called.send(ServiceCalled("openai", "POST /chat", 503, 0.25))
    request, call = sorted(collected.spans, key=lambda one: one.name, reverse=True)
    assert request.attributes == {
        "http.route": "/a",
        "messaging.message.id": "of ***",
        "interview.id": "i-1",
        "interview.attempt": 2,
    }
    assert "Maya" not in str(request.raw)
    assert "ValueError" in str(request.raw)
    assert (call.name, call.parent, call.is_error) == ("openai POST /chat", request.id, True)
    assert call.end - call.start == pytest.approx(0.25e9, rel=1e-3)
    assert collected.headers["X-Key"] == "k"


def test_unavailable_collector_does_not_block() -> None:
    with ExitStack() as stack:
        # Celery kills a child that takes longer than four seconds to start or stop, so this must be
        # faster on any machine.
        stack.enter_context(within(4, before=4))
        provider = stack.enter_context(
            tracing_process(TracingConfig("http://127.0.0.1:9", 1), "tests")
        )
        begin(provider, 100)


def test_outside_of_any_trace_there_are_no_ids() -> None:
    assert (trace_ids(), current_traceparent()) == (None, None)
    with continue_trace(None):
        assert trace_ids() is None
    with continue_trace(_BEGUN):
        assert trace_ids() == tuple(_BEGUN.split("-")[1:3])
        assert current_traceparent() == _BEGUN
    with continue_trace("not a trace"):
        assert trace_ids() is None


@pytest.mark.parametrize("found", ["maya@company.example", "", None, 3, "0" * 36])
def test_invalid_interview_id_is_not_an_attribute(found: object) -> None:
    assert interview_field(found) == {}
    assert attributes() == {}
