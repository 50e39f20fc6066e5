"""The route of `/api/v1/log-level`."""

from fastapi import APIRouter
from pydantic import BaseModel

from monitoring.logs import LevelName
from worker.api.access import Operator
from worker.api.context import ContextDep
from worker.api.problems import RESPONSES
from worker.ports import Action

router = APIRouter(prefix="/api/v1/log-level", tags=["logs"], responses=RESPONSES)


class LogLevel(BaseModel):
    """The lowest level that is logged."""

    level: LevelName


class ChangedLevel(LogLevel):
    """The processes that changed their level. It is reset when a process restarts."""

    processes: list[str]


@router.put("")
def change_log_level(context: ContextDep, caller: Operator, wanted: LogLevel) -> ChangedLevel:
    """Change the log level of this process and of all running workers."""
    context.record(caller, Action.LOG_LEVEL, detail=wanted.level)
    return ChangedLevel(level=wanted.level, processes=sorted(context.change_level(wanted.level)))
