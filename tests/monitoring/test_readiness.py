"""For how long a dead worker makes its host unready."""

import time
from pathlib import Path

import pytest

from monitoring.heartbeats import (
    UNREADY,
    Heartbeat,
    HeartbeatFile,
    WorkerState,
    known_workers,
    unready_workers,
)
from monitoring.metrics.directory import WORKER, Place
from tasks.pipeline.queues import QUEUES


def take_place(directory: Path, owner: str, queues: tuple[str, ...], *, age: float = 0) -> Place:
    """A running worker that wrote its last heartbeat some seconds ago; leaving kills it."""
    place = Place(directory, WORKER, owner)
    place.check()
    heartbeat = Heartbeat(
        hostname=owner,
        written_at=time.time() - age,
        stopped=False,
        state=WorkerState(queues=queues, active=0, children={}),
        processes=(),
        recording={},
    )
    file = HeartbeatFile()
    file.write(directory / f"{place.slot}.heartbeat", heartbeat)
    file.close()
    return place


def unready(directory: Path) -> list[str]:
    return list(unready_workers(known_workers(directory)))


def test_a_directory_without_workers_is_ready(tmp_path: Path) -> None:
    assert unready(tmp_path) == []


# A minute more or less, for a slow machine; a clock may also have been set back.
@pytest.mark.parametrize("age", [UNREADY - 60, 60 - UNREADY])
def test_a_dead_worker_is_missing_at_first(tmp_path: Path, age: float) -> None:
    take_place(tmp_path, "all@one", QUEUES, age=age).leave()
    assert unready(tmp_path) == ["all@one"]


@pytest.mark.parametrize("age", [UNREADY + 60, -UNREADY - 60])
def test_a_dead_worker_is_not_missing_for_ever(tmp_path: Path, age: float) -> None:
    take_place(tmp_path, "all@one", QUEUES, age=age).leave()
    assert unready(tmp_path) == []


def test_a_dead_worker_is_not_missing_once_another_serves_its_queues(tmp_path: Path) -> None:
    take_place(tmp_path, "first@one", QUEUES[:2]).leave()
    assert unready(tmp_path) == ["first@one"]
    # It takes the slot of the dead one, and so its place in the list.
    second = take_place(tmp_path, "second@one", QUEUES[1:])
    assert unready(tmp_path) == []
    third = take_place(tmp_path, "third@one", QUEUES[:1])
    second.leave()
    assert unready(tmp_path) == ["second@one"]
    fourth = take_place(tmp_path, "fourth@one", QUEUES)
    assert unready(tmp_path) == []
    third.leave()
    assert unready(tmp_path) == []
    fourth.leave()
