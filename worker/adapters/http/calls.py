"""Announces requests to external services."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tasks.signals import ServiceCalled, service_called, stopwatch


@dataclass(slots=True)
class Call:
    """A request that is under way.

    Attributes:
        status: The HTTP status; None for as long as there is no answer.
    """

    status: int | None = None


@contextmanager
def instrumented_call(service: str, endpoint: str) -> Iterator[Call]:
    """Announce the request that is made in this context when it is over, however it ends.

    Args:
        service: The service's name.
        endpoint: What is asked for, as a template: never an id, a name or an address.
    """
    seconds = stopwatch()
    call = Call()
    try:
        yield call
    finally:
        service_called.send(ServiceCalled(service, endpoint, call.status, seconds()))
