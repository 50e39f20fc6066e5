"""The route of `/api/v1/log-level`."""

from fastapi import APIRouter
from pydantic import BaseModel

from monitoring.logs import LevelName
from worker.api.access import Admin
from worker.api.context import ContextDep
from worker.api.problems import RESPONSES

router = APIRouter(prefix="/api/v1/log-level", tags=["logs"], responses=RESPONSES)


class LogLevel(BaseModel):
    """From which level on lines are logged."""

    level: LevelName


class ChangedLevel(LogLevel):
    """Who logs from that level on now; until it is started anew."""

    processes: list[str]


@router.put("")
def change_log_level(context: ContextDep, caller: Admin, wanted: LogLevel) -> ChangedLevel:
    """Change the level of this process and of all workers, while they run."""
    del caller
    return ChangedLevel(level=wanted.level, processes=sorted(context.change_level(wanted.level)))
