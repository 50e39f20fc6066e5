"""Tracing set-up of the service's processes."""

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
    """Check that the packages for tracing are installed if it is enabled.

    Raises:
        Permanent: An OTLP endpoint is set, but OpenTelemetry is not installed.
    """
    if settings.otel_exporter_otlp_endpoint is not None and find_spec("opentelemetry.sdk") is None:
        raise Permanent(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
            "pip install 'interview-worker[tracing]'",
            code="configuration",
        )


@contextmanager
def configured_tracing(settings: Settings, component: str) -> "Iterator[TracerProvider | None]":
    """Trace this process while the context is active.

    Args:
        settings: The settings, for OTLP endpoint and sampling ratio.
        component: The kind of process, for the resource attributes.

    Yields:
        The tracer provider; None if tracing is disabled.
    """
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        yield None
        return
    # Imported here because the packages are optional and slow to import.
    from monitoring.tracing.export import TracingConfig, tracing_process

    # OpenTelemetry never ends the span of a message whose task is not registered in this process.
    for module in TASK_MODULES:
        import_module(module)
    wanted = TracingConfig(endpoint, settings.otel_traces_sampler_arg, settings.otlp_headers)
    with tracing_process(wanted, component) as provider:
        yield provider
