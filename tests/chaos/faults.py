"""Fault injections, each active while its context is."""

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
    """Kill a server; restart it on the same data at the end."""

    @contextmanager
    def fault(stack: DoomedStack) -> Iterator[None]:
        server = stack.running.process(name)
        server.kill()
        yield
        server.start()

    return fault


def hung(name: str) -> Fault:
    """Freeze a server: connections stay open without responses."""

    @contextmanager
    def fault(stack: DoomedStack) -> Iterator[None]:
        with frozen(stack.running.process(name).pid):
            yield

    return fault


@contextmanager
def cut(stack: DoomedStack) -> Iterator[None]:
    """Let the broker close all its connections."""
    url = stack.running.settings.redis_url
    assert url is not None
    with Redis.from_url(url.get_secret_value()) as redis:
        redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    yield


@contextmanager
def deployed(stack: DoomedStack) -> Iterator[None]:
    """Stop the worker gracefully during work, and restart it."""
    stop_all([stack.worker], stack.running.settings.shutdown_grace)
    yield


@contextmanager
def fallen(stack: DoomedStack) -> Iterator[None]:
    """Kill worker and sidecar at the same time."""
    for child in (stack.worker, stack.sidecar):
        os.kill(child.pid, signal.SIGKILL)
    yield


@contextmanager
def nothing(stack: DoomedStack) -> Iterator[None]:
    """Inject no fault, as a control."""
    del stack
    yield
