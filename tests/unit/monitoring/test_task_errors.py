"""Failed tasks are counted by the nearest known class of their error."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals

from monitoring import metrics
from monitoring.metrics.domains import OTHER
from monitoring.metrics.labels import EXCEPTION, TASK_ERRORS
from monitoring.metrics.recording import Recorder
from monitoring.signals import celery
from tasks import errors
from tests.monitoring.figures import figures_of
from worker.ports import DownloadFailed

NAME = "interviews.transcribe"


@dataclass(frozen=True, eq=False)
class FailedTask:
    """What the signal needs of a task."""

    request: Any
    name: str = NAME


class OfAPlugin(errors.Unusable):
    """An error that a plugin defines."""


class VeryLong(OfAPlugin):
    """An error whose name is long."""


VeryLong.__name__ = "x" * 1000


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (errors.Permanent("x"), "Permanent"),
        (errors.InvalidAudio("x"), "InvalidAudio"),
        (DownloadFailed("x", code="x", retry_after=None), "InvalidInput"),
        (errors.Erased("x"), "Permanent"),
        (OfAPlugin("x"), "Unusable"),
        (VeryLong("x"), "Unusable"),
        (TimeLimitExceeded(1), "TimeLimitExceeded"),
        (TypeError("x"), "TypeError"),
        (WorkerLostError("x"), OTHER),
        (KeyError("x"), OTHER),
        (errors.Transient("x"), OTHER),
        (type("Zebulon", (Exception,), {})(), OTHER),
    ],
    ids=lambda value: type(value).__name__[:20],
)
def test_an_error_goes_by_its_nearest_known_class(error: Exception, name: str) -> None:
    recorder = Recorder("worker")
    request = SimpleNamespace(id="1", delivery_info={"routing_key": NAME})
    with celery.connected(recorder):
        signals.task_failure.send(sender=FailedTask(request), exception=error)
    found = figures_of(recorder).by_labels(metrics.CELERY_FAILED)
    assert found == {(NAME, "worker", NAME, name): 1}


def test_every_known_class_is_in_the_domain() -> None:
    domain: Any = EXCEPTION.domain
    assert set(domain.values) == {*(error.__name__ for error in TASK_ERRORS), OTHER}
