"""What the routes work with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from monitoring.collectors import Collector
from tasks.ports import CalendarProvider
from worker.intake import Dispatcher, Intake
from worker.settings import Settings
from worker.wiring import Stores


@dataclass(frozen=True, slots=True)
class Context:
    """The adapters of the API's process."""

    settings: Settings
    stores: Stores
    intake: Intake
    dispatcher: Dispatcher
    calendar: CalendarProvider
    collectors: Sequence[Collector]


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Here = Annotated[Context, Depends(_context)]
