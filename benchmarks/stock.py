"""The baseline of the pipeline: default Celery with a chain of three no-op tasks."""

import os
from typing import Any

from celery import Celery, chain


def create(url: str) -> Celery:
    """A Celery application with default settings."""
    application = Celery("stock", broker=url)

    @application.task(name="first", shared=False)
    def first(number: int) -> int:
        return number

    @application.task(name="second", shared=False)
    def second(number: int) -> int:
        return number

    @application.task(name="third", shared=False)
    def third(number: int) -> int:
        return number

    return application


def chain_of(application: Celery, number: int) -> Any:
    """The chain for one interview."""
    first, second, third = (application.tasks[name] for name in ("first", "second", "third"))
    return chain(first.s(number), second.s(), third.s())


if "BENCHMARK_BROKER" in os.environ:
    app = create(os.environ["BENCHMARK_BROKER"])
