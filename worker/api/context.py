"""The request context: the adapters and use cases that the routes depend on."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from monitoring.logs import LevelName
from worker.adapters.resilience.rate_limit import RateLimit
from worker.bootstrap import Stores
from worker.intake.service import Intake
from worker.lifecycle.erasure import Eraser
from worker.ports import Action, Dispatcher
from worker.security.api_keys import Caller, KeyRing
from worker.security.audit import actor_of, record
from worker.settings import Settings
from worker.telemetry.sidecar import SidecarMonitoring


@dataclass(frozen=True, slots=True)
class Context:
    """The adapters and use cases of the API process."""

    settings: Settings
    stores: Stores
    intake: Intake
    dispatcher: Dispatcher
    eraser: Eraser
    monitoring: SidecarMonitoring
    keys: KeyRing
    limit: RateLimit | None
    change_level: Callable[[LevelName], Collection[str]]
    """Changes the log level of all processes; returns the names of those that confirmed it."""

    def record(
        self,
        caller: Caller,
        action: Action,
        interview_id: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Record an action in the audit trail, before it is performed.

        Raises:
            Transient: The entry cannot be stored, so the request must be rejected.
        """
        record(self.stores.audit, actor_of(caller), action, interview_id, detail)


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(_context)]
