"""Fixtures with real servers, started on first use and stopped with the test process.

Each pytest-xdist worker has its own servers: they start in parallel in about two seconds, and need
no coordination to stop.
"""

import uuid
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import hypothesis
import pymongo
import pytest
from pymongo.database import Database

from tests import environment, requirements
from tests.contract_servers.kinds import running
from tests.timing import patience

_colours = environment.wants_colours()
# Before importing anything that reads the environment.
environment.clean()

# No deadline: the duration of an example depends on the machine, not on the code.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

Document = dict[str, Any]

_celery: Any = import_module("celery._state")

_LONGEST = (
    "tests/acceptance/",
    "tests/integration/test_pipeline.py",
    "tests/chaos/",
    "tests/monitoring/test_ground_truth.py",
    "tests/monitoring/test_churn.py",
    "tests/integration/test_whisper.py",
    "tests/integration/test_webhooks.py",
    "tests/integration/test_erasure.py",
    "tests/integration/test_cloud_stack.py",
    "tests/monitoring/test_story.py",
    "tests/monitoring/test_names.py",
    "tests/monitoring/test_sidecar.py",
    "tests/fuzz/",
    "tests/integration/",
    "tests/alerting/",
    "tests/monitoring/",
    "tests/contract/",
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the `requires` marker, and configure colours."""
    config.pluginmanager.register(requirements, "requirements")
    if _colours is not None and config.option.color == "auto":
        config.option.color = "yes" if _colours else "no"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort tests and scale their timeouts.

    The longest tests run first: at the end they would keep one process busy and the others idle.
    """
    for item in items:
        mark = item.get_closest_marker("timeout")
        seconds = mark.args[0] if mark else float(config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(patience(seconds)), append=False)

    def rank(item: pytest.Item) -> int:
        found = (n for n, name in enumerate(_LONGEST) if item.nodeid.startswith(name))
        return next(found, len(_LONGEST))

    items.sort(key=rank)


@pytest.fixture(scope="module", autouse=True)
def _no_foreign_application() -> Iterator[None]:
    """Reset the current Celery application, so that it does not get the next module's tasks."""
    before = _celery._tls.current_app
    yield
    _celery._set_current_app(before)


def _serve(name: str, factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(name, factory.mktemp(name)) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _serve("valkey", tmp_path_factory)


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _serve("mongodb", tmp_path_factory)


@pytest.fixture(scope="session")
def kafka_bootstrap_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _serve("kafka", tmp_path_factory)


@pytest.fixture(scope="session")
def caldav_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _serve("radicale", tmp_path_factory)


@pytest.fixture(scope="session")
def mongodb_client(mongodb_url: str) -> Iterator[pymongo.MongoClient[Document]]:
    with pymongo.MongoClient[Document](mongodb_url, tz_aware=True) as client:
        yield client


@pytest.fixture
def database(mongodb_client: pymongo.MongoClient[Document]) -> Iterator[Database[Document]]:
    """An empty database for this test."""
    name = f"test_{uuid.uuid4().hex}"
    yield mongodb_client[name]
    mongodb_client.drop_database(name)


@pytest.fixture
def key_prefix() -> str:
    """The prefix of this test's Redis keys."""
    return f"test-{uuid.uuid4().hex}:"


@pytest.fixture
def topic_prefix() -> str:
    """The prefix of this test's Kafka topics and groups."""
    return f"test-{uuid.uuid4().hex}."
