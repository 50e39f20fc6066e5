"""What is done to the stack from the outside; each lasts as long as its context."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from redis import Redis

from tests.chaos.stack import DoomedStack
from tests.processes import frozen
from worker.local.processes.child import stop_all

Fault = Callable[[DoomedStack], AbstractContextManager[None]]


def killed(name: str) -> Fault:
    """A server is killed, and comes back when the fault is over, with what is on its disk."""

    @contextmanager
    def fault(stack: DoomedStack) -> Iterator[None]:
        server = stack.running.process(name)
        server.kill()
        yield
        server.start()

    return fault


def hung(name: str) -> Fault:
    """A server keeps its connections, and answers nothing."""

    @contextmanager
    def fault(stack: DoomedStack) -> Iterator[None]:
        with frozen(stack.running.process(name).pid):
            yield

    return fault


@contextmanager
def cut(stack: DoomedStack) -> Iterator[None]:
    """All connections to the broker are closed by it."""
    url = stack.running.settings.redis_url
    assert url is not None
    with Redis.from_url(url.get_secret_value()) as redis:
        redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    yield


@contextmanager
def deployed(stack: DoomedStack) -> Iterator[None]:
    """The worker is asked to stop, with work in its hands, and started anew."""
    stop_all([stack.worker], stack.running.settings.shutdown_grace)
    yield


@contextmanager
def fallen(stack: DoomedStack) -> Iterator[None]:
    """Worker and sidecar are killed at the same moment."""
    for child in (stack.worker, stack.sidecar):
        os.kill(child.pid, signal.SIGKILL)
    yield


@contextmanager
def nothing(stack: DoomedStack) -> Iterator[None]:
    """All is well."""
    del stack
    yield
