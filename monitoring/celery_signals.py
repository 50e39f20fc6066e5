"""Connection of receivers to Celery's signals."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery.utils.dispatch import Signal


@contextmanager
def connected(signal: Signal, receiver: Callable[..., None]) -> Iterator[None]:
    """Connect a receiver to a signal of Celery for the duration of the context.

    The reference is strong, because Celery would drop a weak one to a closure at once.

    https://docs.celeryq.dev/en/stable/userguide/signals.html
    """
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)
