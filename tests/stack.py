"""The whole service as processes, for black-box tests."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from tasks.interviews.interview import Interview, Stage, Status
from tests.timing import allowed, wait_until
from worker.cli.client import ApiClient
from worker.local.processes.child import Child
from worker.local.stack import Stack, open_stack, services
from worker.local.supervisor import Service, Supervisor
from worker.settings import Settings

_INTERVAL = 0.1
"""Seconds between two polls; more frequent polls would slow down the workers."""


@dataclass(frozen=True)
class RunningStack:
    stack: Stack
    supervisor: Supervisor
    api: ApiClient

    @property
    def settings(self) -> Settings:
        return self.stack.settings

    def process(self, name: str) -> Child:
        (found,) = (
            child
            for child in (*self.supervisor.children, *self.stack.servers)
            if child.name == name
        )
        return found


def running_stack(data_dir: Path, **environment: str) -> AbstractContextManager[RunningStack]:
    """Embedded servers, sidecar and workers, without Flower."""
    return running_services(data_dir, partial(services, flower=False), **environment)


@contextmanager
def running_services(
    data_dir: Path, chosen: Callable[[Stack], list[Service]], **environment: str
) -> Iterator[RunningStack]:
    """Embedded servers, and the services that `chosen` selects for their stack."""
    settings = Settings().with_environment(
        {
            "DATA_DIR": str(data_dir),
            "API_PORT": "0",
            "FLOWER_PORT": "0",
            "MONGODB_METRICS_PORT": "0",
            # On a slow machine a lease may be renewed late.
            "LEASE_SECONDS": f"{allowed(5):g}",
            "RATE_LIMIT": "0",
            **environment,
        }
    )
    with (
        open_stack(settings) as stack,
        Supervisor(chosen(stack), log_dir=stack.log_dir, watched=stack.servers) as supervisor,
        ApiClient(stack.settings.with_environment({"API_URL": stack.api_url})) as api,
    ):
        yield RunningStack(stack, supervisor, api)


def wait_for(
    api: ApiClient, interview_id: UUID | str, *statuses: Status, timeout: float = 60
) -> Interview:
    """Wait until an interview has one of the given statuses, by default a final one."""

    def reached() -> bool:
        status = api.get(interview_id).status
        return status in statuses if statuses else status.final

    wait_until(reached, timeout, interval=_INTERVAL)
    return api.get(interview_id)


def wait_for_progress(api: ApiClient, interview_id: UUID | str, stage: Stage) -> Interview:
    """Wait until a stage has reported progress but has not finished."""
    wait_until(lambda: api.get(interview_id).stages[stage].progress > 0, 60, interval=_INTERVAL)
    found = api.get(interview_id)
    assert found.stages[stage].finished_at is None, "the recording is too short for this machine"
    return found
