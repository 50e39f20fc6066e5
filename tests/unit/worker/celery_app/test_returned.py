"""Tests of the contents of task events, which Flower stores."""

from typing import Any

import pytest
from celery import Celery

from worker.celery_app.returned import InstrumentedRequest
from worker.settings import Settings


@pytest.mark.parametrize("given", [{"kwargs": {"request": "Maya"}}, {"args": ["Maya"]}])
def test_events_show_no_request(given: dict[str, Any]) -> None:
    shown = request("interviews.submit", **given)
    assert "Maya" not in shown.argsrepr + shown.kwargsrepr


def test_events_show_which_interview_a_stage_is_for() -> None:
    assert "some-id" in request("interviews.transcribe", args=["some-id"]).argsrepr


def request(name: str, **given: Any) -> InstrumentedRequest:
    from worker.celery_app.config import create_app

    app: Celery = create_app(Settings())
    message = app.amqp.as_task_v2("an-id", name, **given)
    task = app.Task()
    task.name = name
    return InstrumentedRequest(
        _Message(message),
        app=app,
        task=task,
        headers=message.headers,
        body=message.body,
        decoded=True,
    )


class _Message:
    """A message as delivered by a broker."""

    def __init__(self, message: Any) -> None:
        self.body, self.headers = message.body, message.headers
        self.properties: dict[str, object] = {}
        self.delivery_info: dict[str, object] = {}
        self.content_type, self.content_encoding = "application/json", "utf-8"
        self.payload = self.body
