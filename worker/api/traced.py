"""OpenTelemetry instrumentation of the API."""

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from worker.api.templates import templates_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


def traced_api(api: FastAPI, provider: "TracerProvider | None") -> Any:
    """Wrap the API so that its requests are traced; unchanged if there is no provider."""
    if provider is None:
        return api
    from monitoring.tracing.export import traced_application

    return traced_application(api, provider, templates_of(api))
