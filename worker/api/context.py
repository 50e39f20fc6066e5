"""What the routes work with."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from tasks.ports import CalendarProvider
from worker.adapters.limits import RequestLimit
from worker.intake import Dispatcher, Intake
from worker.keys import KeyRing
from worker.settings import Settings
from worker.watching import Watching
from worker.wiring import Stores


@dataclass(frozen=True, slots=True)
class Context:
    """The adapters of the API's process."""

    settings: Settings
    stores: Stores
    intake: Intake
    dispatcher: Dispatcher
    calendar: CalendarProvider
    watching: Watching
    keys: KeyRing
    limit: RequestLimit | None


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Here = Annotated[Context, Depends(_context)]
