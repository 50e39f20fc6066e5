"""Instrumentation of requests to external services."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tasks.signals import ServiceCalled, service_called, stopwatch


@dataclass(slots=True)
class Call:
    """A request in progress.

    Attributes:
        status: The HTTP status; None until there is a response.
    """

    status: int | None = None


@contextmanager
def instrumented_call(service: str, endpoint: str) -> Iterator[Call]:
    """Send `service_called` when the request in this context ends, whether or not it succeeds.

    Args:
        service: The service's name.
        endpoint: The endpoint as a template, without ids, names or addresses.
    """
    seconds = stopwatch()
    call = Call()
    try:
        yield call
    finally:
        service_called.send(ServiceCalled(service, endpoint, call.status, seconds()))
