"""Fixtures with the service's components on real servers."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from fastapi.testclient import TestClient
from pydantic import SecretStr
from pymongo.database import Database

from tests.conftest import Document
from tests.sidecar import LOOPBACK
from worker.api.application import create_api
from worker.server import open_context
from worker.settings import Settings

_numbers = itertools.cycle(range(1, 16))


@pytest.fixture
def broker_url(redis_url: str) -> Iterator[str]:
    """An empty Redis database for this test."""
    url = f"{redis_url.rstrip('/').removesuffix('/0')}/{next(_numbers)}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture
def settings(
    broker_url: str, mongodb_url: str, database: Database[Document], tmp_path: Path
) -> Settings:
    """Settings with this test's servers, without Kafka and calendars."""
    return Settings(
        redis_url=SecretStr(broker_url),
        mongodb_url=SecretStr(f"{mongodb_url.partition('?')[0].rstrip('/')}/{database.name}"),
        caldav_url=SecretStr("http://127.0.0.1:9/"),
        audio_url_allow_private=True,
        max_upload_bytes=4 << 20,
        max_audio_seconds=600,
        mongodb_metrics_port=0,
        rate_limit=0,
        metrics_dir=tmp_path / "metrics",
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """The API."""
    with TestClient(
        create_api(settings, open_context), base_url=LOOPBACK, raise_server_exceptions=False
    ) as client:
        yield client
