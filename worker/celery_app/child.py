"""Set-up of Celery's child processes: adapters are opened after the fork, closed at exit."""

import logging
from contextlib import ExitStack
from typing import Any

from celery import current_app
from celery.signals import worker_process_init, worker_process_shutdown

from tasks.pipeline.services import provide
from worker.bootstrap import open_stores, provider_context, request_processor, services
from worker.intake.processor import RequestProcessor
from worker.settings import load_settings
from worker.telemetry.tracing import configured_tracing

log = logging.getLogger(__name__)

_open = ExitStack()
_processor: RequestProcessor | None = None


def current_processor() -> RequestProcessor:
    """The request processor of this child process."""
    if _processor is None:
        raise RuntimeError("this process has not been initialised as a Celery child process")
    return _processor


@worker_process_init.connect
def _set_up(**_: Any) -> None:
    global _processor
    settings = load_settings()
    # Opened first and closed last, as it instruments the libraries that open connections.
    _open.enter_context(configured_tracing(settings, "worker"))
    stores = _open.enter_context(open_stores(settings))
    context = _open.enter_context(provider_context(settings, stores.ledger))
    provide(services(context, stores))
    _processor = request_processor(settings, stores, current_app)


@worker_process_shutdown.connect
def _tear_down(**_: Any) -> None:
    provide(None)
    _open.close()
