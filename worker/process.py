"""What each Celery process holds: adapters opened after the fork, closed before the exit."""

import logging
from contextlib import ExitStack
from typing import Any

from celery import current_app
from celery.signals import worker_process_init, worker_process_shutdown

from tasks.services import provide
from worker.intake import Intake
from worker.settings import load_settings
from worker.wiring import intake, open_stores, services

log = logging.getLogger(__name__)

_open = ExitStack()
_intake: Intake | None = None


def current_intake() -> Intake:
    """This process's door for new interviews."""
    if _intake is None:
        raise RuntimeError("this process was not set up")
    return _intake


@worker_process_init.connect
def _set_up(**_: Any) -> None:
    global _intake
    settings = load_settings()
    stores = _open.enter_context(open_stores(settings))
    provide(services(settings, stores))
    _intake = intake(settings, stores, current_app)


@worker_process_shutdown.connect
def _tear_down(**_: Any) -> None:
    provide(None)
    _open.close()
