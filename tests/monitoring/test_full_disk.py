"""Metrics on a full, damaged or missing directory: the work goes on, and the figures come back."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery

from monitoring import metrics
from monitoring.collectors.recording import RecordingCollector
from monitoring.collectors.workers import WorkerCollector
from monitoring.metrics.directory import joined
from monitoring.metrics.recording import Recorder
from tests.monitoring import disks
from tests.monitoring.figures import figures_of
from tests.monitoring.plain_worker import create
from tests.monitoring.site import NAME, working
from tests.processes import children_of, wait_for, wait_until
from worker.local.embedded.servers import EmbeddedServers

IN_MEMORY = "metrics are kept in memory"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Celery]:
    with EmbeddedServers(tmp_path_factory.mktemp("valkey"), {"valkey"}) as servers:
        yield create(servers["REDIS_URL"])


def takes_new_files(directory: Path) -> bool:
    found = figures_of(RecordingCollector(directory, Recorder("sidecar@x")))
    return found.value(metrics.RECORDING_UP, "new") == 1


def make_full(disk: Path) -> Callable[[], None]:
    ballast = disks.fill(disk)
    return ballast.unlink


def use_inodes(disk: Path) -> Callable[[], None]:
    ballast = disks.use_all_inodes(disk)
    return lambda: shutil.rmtree(ballast)


def make_read_only(disk: Path) -> Callable[[], None]:
    disks.remount(disk, "ro")
    return lambda: disks.remount(disk, "rw")


@pytest.mark.parametrize("spoil", [make_full, use_inodes, make_read_only])
def test_a_disk_that_is_spoilt_from_the_start_loses_no_figures(
    app: Celery, tmp_path: Path, spoil: Callable[[Path], Callable[[], None]]
) -> None:
    with disks.small_disk(tmp_path / "disk", "size=1m,nr_inodes=40") as disk:
        mend = spoil(disk)
        with working(app, disk, tmp_path) as site:
            site.run(20)
            wait_until(lambda: site.says(IN_MEMORY))
            assert not takes_new_files(disk)
            # A worker with a slot is seen; its name, which cannot be written, is not known.
            assert site.recording() in ({}, {("worker-1",): 0})
            mend()
            site.counts_all()
            wait_until(lambda: site.recording().get((NAME,)) == 1)
            assert takes_new_files(disk)
            assert site.says(IN_MEMORY) == 1


@pytest.mark.parametrize("spoil", [make_full, use_inodes])
def test_a_disk_that_is_spoilt_later_does_not_end_a_worker(
    app: Celery, tmp_path: Path, spoil: Callable[[Path], Callable[[], None]]
) -> None:
    with (
        disks.small_disk(tmp_path / "disk", "size=1m,nr_inodes=40") as disk,
        working(app, disk / "metrics", tmp_path) as site,
    ):
        site.run(10)
        site.counts_all()
        spoil(disk)
        site.run(10)
        # All blocks are allocated, so that figures and heartbeats go on.
        site.counts_all()
        ups = site.workers().by_labels(metrics.CELERY_WORKER_UP)
        assert set(ups.values()) == {1}
        # The next worker could not, which is to be known before it is started.
        assert not takes_new_files(site.directory)


def test_a_disk_that_breaks_down_and_is_replaced_loses_no_figures(
    app: Celery, tmp_path: Path
) -> None:
    with (
        disks.breakable_disk(tmp_path / "disk") as disk,
        working(app, disk, tmp_path) as site,
    ):
        site.run(10)
        site.counts_all()
        disks.break_down(disk)
        site.run(10)
        wait_until(lambda: site.says(IN_MEMORY))
        assert not takes_new_files(disk)
        with disks.small_disk(disk):
            site.counts_all()
            wait_for(site.counted_anew, 20, 20)
            # One line of each process.
            assert site.says(IN_MEMORY) <= 1 + len(children_of(site.worker.pid))


def test_blocks_are_allocated_where_the_system_cannot_do_it(app: Celery, tmp_path: Path) -> None:
    with (
        disks.old_disk(tmp_path / "disk") as disk,
        working(app, disk / "metrics", tmp_path) as site,
    ):
        site.run(10)
        site.counts_all()
        disks.fill(disk)
        site.run(10)
        site.counts_all()
        assert set(site.recording().values()) == {1}


def test_queues_of_workers_that_cannot_be_known_are_not_reported_as_unserved(
    tmp_path: Path,
) -> None:
    unknown = WorkerCollector(tmp_path, is_open=lambda: False)
    assert figures_of(unknown).by_labels(metrics.CELERY_CONSUMERS) == {}
    known = figures_of(WorkerCollector(tmp_path)).by_labels(metrics.CELERY_CONSUMERS)
    assert set(known.values()) == {0}


def test_a_directory_that_is_removed_comes_back_with_all_figures(
    app: Celery, tmp_path: Path
) -> None:
    with working(app, tmp_path / "figures", tmp_path) as site:
        site.run(10)
        site.counts_all()
        shutil.rmtree(site.directory)
        site.run(5)
        wait_until(site.directory.exists)
        site.counts_all()
        wait_for(site.counted_anew, 15, 20)


def without_the_rights_of_root(*command: str) -> tuple[str, ...]:
    if os.geteuid() != 0:
        return command
    rights = "-dac_override,-dac_read_search"
    return ("setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", *command)


@pytest.mark.parametrize("suffix", [".db", ".lock", ".heartbeat"])
def test_files_that_a_worker_may_not_open_do_not_stop_it(
    app: Celery, tmp_path: Path, suffix: str
) -> None:
    directory = tmp_path / "figures"
    # A directory with a member is not emptied.
    with joined(directory):
        for name in ("worker-1.db", "worker-1.0.db", "worker-1.lock", "worker-1.heartbeat"):
            if name.endswith(suffix):
                (directory / name).touch(mode=0)
        with working(app, directory, tmp_path, *without_the_rights_of_root()) as site:
            site.run(10)
            site.counts_all()
            wait_until(lambda: site.recording().get((NAME,)) == 1)


def test_a_directory_that_may_not_be_opened_costs_no_task(app: Celery, tmp_path: Path) -> None:
    directory = tmp_path / "figures"
    directory.mkdir()
    directory.chmod(0)
    with working(app, directory, tmp_path, *without_the_rights_of_root()) as site:
        site.run(10)
        wait_until(lambda: site.says(IN_MEMORY))
        directory.chmod(0o755)
        site.counts_all()
        assert site.says(IN_MEMORY) == 1
