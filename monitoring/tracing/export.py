"""Export of spans by OTLP over HTTP. Only this module sets up OpenTelemetry's SDK."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.kafka import KafkaInstrumentor
from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes
from typing_extensions import override

from monitoring import SERVICE
from monitoring.trace_context import attributes_of
from monitoring.tracing import celery, spans
from monitoring.tracing.redaction import RedactingExporter
from tasks.context import attributes


def _name_query(span: Span, event: Any) -> None:
    collection = event.command.get(event.command_name)
    if isinstance(collection, str):
        span.update_name(f"{event.command_name} {collection}")


def _name_record(span: Span, args: Sequence[Any], _: Mapping[str, Any]) -> None:
    span.update_name(f"send {args[0]}")


_INSTRUMENTATIONS: tuple[tuple[Callable[[], Any], dict[str, Any]], ...] = (
    (CeleryInstrumentor, {}),
    (PymongoInstrumentor, {"request_hook": _name_query}),
    (RedisInstrumentor, {}),
    (KafkaInstrumentor, {"produce_hook": _name_record}),
)

_POLLED_PATHS = "/health,/metrics"
"""Paths that are polled every few seconds."""

_TIMEOUT = 2.0
"""Seconds to wait for the collector, also when a process ends."""


@dataclass(frozen=True, slots=True)
class TracingConfig:
    """The destination and sampling of spans.

    Attributes:
        endpoint: The base URL of a collector; spans are posted to its `/v1/traces`.
        ratio: The share of new traces that are sampled, from 0 to 1.
        headers: Headers of each request, such as an API key.
    """

    endpoint: str
    ratio: float
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def tracing_process(tracing: TracingConfig, component: str) -> Iterator[TracerProvider]:
    """Trace this process for the duration of the context; all spans are sent at its end.

    A process that forks must use it in the children: the sending thread does not survive a fork.

    Args:
        tracing: The destination and sampling.
        component: The kind of process.
    """
    # The stable conventions; by default the instrumentations use the older ones.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")
    provider = _provider(tracing, component)
    with ExitStack() as stack:
        stack.callback(provider.shutdown)
        for instrumentation, options in _INSTRUMENTATIONS:
            instrument = instrumentation()
            instrument.instrument(tracer_provider=provider, **options)
            stack.callback(instrument.uninstrument)
        tracer = provider.get_tracer(SERVICE)
        stack.enter_context(celery.describe_spans(tracer))
        stack.enter_context(spans.emit_spans(tracer))
        yield provider


def traced_application(application: Any, provider: TracerProvider, template: Any) -> Any:
    """Wrap an ASGI application so that its requests are traced.

    Args:
        application: The application.
        provider: Creates the spans.
        template: Returns the template of the route that will handle a request.
    """

    def details(scope: Any) -> tuple[str, dict[str, str]]:
        path = template(scope)
        return f"{scope.get('method', '')} {path}", {"http.route": path}

    return OpenTelemetryMiddleware(
        application,
        excluded_urls=_POLLED_PATHS,
        default_span_details=details,
        exclude_spans=["receive", "send"],
        tracer_provider=provider,
    )


def _provider(tracing: TracingConfig, component: str) -> TracerProvider:
    known = {
        "service.name": SERVICE,
        "service.version": version("interview-worker"),
        "service.instance.id": f"{component}:{os.getpid()}",
    }
    provider = TracerProvider(
        sampler=ParentBased(_RootSampler(TraceIdRatioBased(tracing.ratio))),
        resource=Resource.create(known),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(
        endpoint=f"{tracing.endpoint.rstrip('/')}/v1/traces",
        headers=dict(tracing.headers),
        timeout=_TIMEOUT,
    )
    provider.add_span_processor(_AttributeProcessor())
    provider.add_span_processor(BatchSpanProcessor(RedactingExporter(exporter)))
    return provider


class _RootSampler(Sampler):
    """Samples root spans of real work; a query outside of any trace is not sampled.

    Redis is polled for messages, and the database for leases and outboxes, all the time.
    """

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    @override
    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if kind in (SpanKind.CLIENT, SpanKind.INTERNAL):
            return SamplingResult(Decision.DROP)
        return self._sampler.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    @override
    def get_description(self) -> str:
        return f"RootSampler({self._sampler.get_description()})"


class _AttributeProcessor(SpanProcessor):
    """Sets the contextual attributes on each new span."""

    @override
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        del parent_context
        known = attributes()
        if known:
            span.set_attributes(attributes_of(known))
