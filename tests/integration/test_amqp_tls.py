"""Tests of TLS to a real RabbitMQ."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError
from pydantic import SecretStr

from tasks.errors import Transient
from tasks.interviews.interview import Priority, Stage
from tasks.pipeline.queues import STAGES
from tests.monitoring.rabbitmq import rabbitmq_server
from tests.redis_servers import certificates
from tests.requirements import needs
from worker.adapters.broker import CeleryDispatcher
from worker.bootstrap import broker
from worker.celery_app.config import create_app
from worker.local.processes.ports import free_port
from worker.settings import Settings

pytestmark = needs("rabbitmq-server", "epmd", "openssl")

TRANSCRIBE, *_ = STAGES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("tls")
    certificates(found, "IP:127.0.0.1")
    return found


@pytest.fixture(scope="module")
def port(place: Path) -> Iterator[int]:
    found = free_port()
    files = (("cacertfile", "ca.pem"), ("certfile", "cert.pem"), ("keyfile", "key.pem"))
    options = ",".join(f'{{{name},"{place / file}"}}' for name, file in files)
    server = f'-rabbit ssl_listeners [{{"0.0.0.0",{found}}}] -rabbit ssl_options [{options}]'
    with rabbitmq_server(place, server):
        yield found


def settings_of(address: str, **parameters: object) -> Settings:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return Settings(redis_url=SecretStr(f"amqps://guest:guest@{address}//?{query}"))


def dispatch(settings: Settings) -> None:
    CeleryDispatcher(create_app(settings)).dispatch("x", Stage.TRANSCRIBE, Priority.NORMAL)


def test_the_server_is_verified_by_an_authority_of_ones_own(place: Path, port: int) -> None:
    settings = settings_of(f"127.0.0.1:{port}", ssl_ca_certs=place / "ca.pem")
    before = broker(settings).backlog().queues[TRANSCRIBE].waiting
    dispatch(settings)
    assert broker(settings).backlog().queues[TRANSCRIBE].waiting == before + 1


def test_a_server_of_another_authority_or_name_is_refused(place: Path, port: int) -> None:
    unknown = settings_of(f"127.0.0.1:{port}")
    other_name = settings_of(f"127.0.0.2:{port}", ssl_ca_certs=place / "ca.pem")
    for settings in (unknown, other_name):
        with pytest.raises(Transient):
            broker(settings).backlog()
        # The same for a connection of Celery; a pooled one may be that of another test.
        with (
            create_app(settings).connection_for_write() as connection,
            pytest.raises(OperationalError),
        ):
            connection.ensure_connection(max_retries=0)
    careless = settings_of(f"127.0.0.1:{port}", ssl_cert_reqs="none", ssl_check_hostname="false")
    broker(careless).backlog()
