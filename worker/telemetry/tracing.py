"""Tracing as the settings wish it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tasks.errors import Permanent
from worker.celery_app.config import TASK_MODULES
from worker.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


def check_tracing(settings: Settings) -> None:
    """Refuse to start without what tracing needs.

    Raises:
        Permanent: There is somewhere to send spans to, and nothing to make them with.
    """
    if settings.otel_exporter_otlp_endpoint is not None and find_spec("opentelemetry.sdk") is None:
        raise Permanent(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is missing: "
            "pip install 'interview-worker[tracing]'",
            code="configuration",
        )


@contextmanager
def configured_tracing(settings: Settings, component: str) -> "Iterator[TracerProvider | None]":
    """Trace this process, for as long as the context lasts.

    Args:
        settings: Say where spans go, and how many.
        component: What kind of process it is.

    Yields:
        What makes spans; None where nobody wants any.
    """
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        yield None
        return
    # An extra, and much to import.
    from monitoring.tracing.export import TracingConfig, tracing_process

    # OpenTelemetry does not end the span of a message whose task this process does not know.
    for module in TASK_MODULES:
        import_module(module)
    wanted = TracingConfig(endpoint, settings.otel_traces_sampler_arg, settings.otlp_headers)
    with tracing_process(wanted, component) as provider:
        yield provider
