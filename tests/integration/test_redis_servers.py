"""Redis with TLS, users and sockets, and servers that may lose messages."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from monitoring import metrics
from monitoring.collectors.broker import BrokerCollector
from monitoring.collectors.guarded import GuardedCollectors, Source
from tasks.errors import Permanent, Transient
from tasks.interviews.interview import Priority, Stage
from tasks.pipeline.queues import STAGES
from tests.monitoring.figures import Figures, figures_of
from tests.redis_servers import SAFE, answering, certificates, redis_server
from tests.requirements import needs
from worker.adapters.broker import CeleryDispatcher
from worker.adapters.broker.transport import Transport
from worker.adapters.resilience.circuits import CircuitReader
from worker.adapters.resilience.rate_limit import RateLimit
from worker.bootstrap import broker, check_broker
from worker.celery_app.config import create_app
from worker.local.processes.ports import free_port
from worker.settings import Settings

pytestmark = needs("redis-server", "openssl")

TRANSCRIBE, *_ = STAGES

_USER = "user service on >p%40:ss ~* &* +@all"


def settings_for(url: str) -> Settings:
    return Settings(redis_url=SecretStr(url))


def works(url: str, database: int, look: Redis) -> None:
    """Publish, read, receive, limit and read circuits, all at one URL."""
    settings = settings_for(url)
    check_broker(settings)
    app = create_app(settings)
    CeleryDispatcher(app).dispatch("interview-1", Stage.TRANSCRIBE, Priority.HIGH)
    with closing(broker(settings)) as reader:
        assert reader.backlog().queues[TRANSCRIBE].waiting == 1
    keys: Any = look.info("keyspace")
    assert f"db{database}" in keys
    with app.connection() as connection:
        assert type(connection.transport) is Transport
        message = app.amqp.queues[TRANSCRIBE](connection.channel()).get()
        assert message is not None
        assert message.headers["task"] == TRANSCRIBE
        message.ack()
    with closing(RateLimit(url, 1)) as limit:
        assert limit.take("client") == 0
        assert limit.take("client") > 0
    with closing(CircuitReader(url)) as circuits:
        assert circuits.read() == {}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tls")
    certificates(place)
    return place


@pytest.fixture(scope="module")
def tls_port(tls: Path) -> Iterator[int]:
    """A server with TLS and a user, which wants the certificate of a client."""
    port = free_port()
    options = [
        *("--tls-port", str(port), "--tls-auth-clients", "yes"),
        *("--tls-cert-file", f"{tls}/cert.pem", "--tls-key-file", f"{tls}/key.pem"),
        *("--tls-ca-cert-file", f"{tls}/ca.pem", *SAFE),
        *("--user", *_USER.split()[1:]),
    ]
    with redis_server(tls / "server", *options) as child:
        with _look(tls, port) as client:
            answering(child, client)
        yield port


@contextmanager
def _look(tls: Path, port: int) -> Iterator[Redis]:
    with Redis(
        "localhost",
        port,
        ssl=True,
        ssl_ca_certs=f"{tls}/ca.pem",
        ssl_certfile=f"{tls}/cert.pem",
        ssl_keyfile=f"{tls}/key.pem",
    ) as client:
        yield client


def _client(tls: Path) -> str:
    return f"ssl_certfile={tls}/cert.pem&ssl_keyfile={tls}/key.pem"


@pytest.mark.parametrize("verification", ["", "required", "CERT_REQUIRED", "CERT_OPTIONAL"])
def test_tls_with_an_authority_a_user_and_a_database(
    tls: Path, tls_port: int, verification: str
) -> None:
    chosen = f"&ssl_cert_reqs={verification}" if verification else ""
    with _look(tls, tls_port) as look:
        look.flushall()
        works(
            f"rediss://service:p%2540%3Ass@localhost:{tls_port}/3"
            f"?ssl_ca_certs={tls}/ca.pem&{_client(tls)}{chosen}",
            3,
            look,
        )


@pytest.mark.parametrize("verification", ["none", "CERT_NONE"])
def test_tls_without_verification_is_for_who_asks_for_it(
    tls: Path, tls_port: int, verification: str
) -> None:
    with _look(tls, tls_port) as look:
        look.flushall()
        url = f"rediss://127.0.0.1:{tls_port}/1?ssl_cert_reqs={verification}&{_client(tls)}"
        works(url, 1, look)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_verifies_authority_and_host(tls: Path, tls_port: int, host: str) -> None:
    authority = f"&ssl_ca_certs={tls}/ca.pem" if host == "127.0.0.1" else ""
    url = f"rediss://{host}:{tls_port}/0?{_client(tls)}{authority}"
    settings = settings_for(url)
    with pytest.raises(Transient, match=r"(?i)certificate"):
        CeleryDispatcher(create_app(settings)).dispatch("x", Stage.TRANSCRIBE, Priority.HIGH)
    with closing(broker(settings)) as reader, pytest.raises(Transient, match=r"(?i)certificate"):
        reader.backlog()


@pytest.mark.parametrize("scheme", ["redis+socket", "unix"])
def test_a_socket_with_a_user_and_a_database(tmp_path: Path, scheme: str) -> None:
    # The kernel allows 108 characters.
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        path = f"{place}/Redis.sock"
        options = ("--unixsocket", path, *SAFE, "--user", *_USER.split()[1:])
        with redis_server(tmp_path, *options) as child, Redis(unix_socket_path=path) as look:
            answering(child, look)
            works(f"{scheme}://service:p%2540%3Ass@{path}?virtual_host=2", 2, look)


@contextmanager
def served(place: Path, *options: str) -> Iterator[tuple[str, Redis]]:
    port = free_port()
    with redis_server(place, *options, port=port) as child, Redis("127.0.0.1", port) as client:
        answering(child, client)
        yield f"redis://127.0.0.1:{port}/0", client


def scraped(url: str) -> Figures:
    with closing(broker(settings_for(url))) as reader:
        source = Source("redis", BrokerCollector(reader, STAGES), metrics.REDIS_UP)
        return figures_of(GuardedCollectors([source], timeout=3))


@pytest.mark.parametrize(
    ("options", "may_evict", "persistent", "warning"),
    [
        (SAFE, 0, 1, ""),
        (("--save", "60 1", "--maxmemory-policy", "noeviction"), 0, 1, ""),
        (("--save", "", "--maxmemory-policy", "noeviction"), 0, 0, "set appendonly yes"),
        ((*SAFE, "--maxmemory-policy", "allkeys-lru"), 1, 1, "set maxmemory-policy noeviction"),
    ],
)
def test_tells_whether_messages_are_safe(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    options: tuple[str, ...],
    may_evict: int,
    persistent: int,
    warning: str,
) -> None:
    with served(tmp_path, *options) as (url, _):
        found = scraped(url)
        with caplog.at_level(logging.WARNING):
            check_broker(settings_for(url))
    assert found.value(metrics.REDIS_MAY_EVICT) == may_evict
    assert found.value(metrics.REDIS_PERSISTENT) == persistent
    assert [warning in message for message in caplog.messages] == ([True] if warning else [])


@pytest.mark.parametrize(
    ("refused", "known"),
    [("config|get", (1.0, None)), ("info", (None, None))],
)
def test_what_a_server_does_not_tell_is_absent(
    tmp_path: Path, refused: str, known: tuple[float | None, float | None]
) -> None:
    options = ("--save", "", "--maxmemory-policy", "allkeys-lru")
    with served(tmp_path, *options) as (url, client):
        client.acl_setuser("default", enabled=True, commands=[f"-{refused}"])
        found = scraped(url)
        check_broker(settings_for(url))
    assert found.value(metrics.REDIS_UP) == 1
    assert found.by_labels(metrics.QUEUE_DEPTH)
    assert found.value(metrics.REDIS_MAY_EVICT) == known[0]
    assert found.value(metrics.REDIS_PERSISTENT) == known[1]
    assert (found.value(metrics.REDIS_MEMORY) is None) == (refused == "info")


def test_a_cluster_is_refused_in_one_line(tmp_path: Path) -> None:
    # Its default is 10 000 above the other port, which may be too high.
    options = "--cluster-enabled", "yes", "--cluster-port", str(free_port())
    with (
        served(tmp_path, *options) as (url, _),
        pytest.raises(Permanent, match=r"^REDIS_URL: Redis Cluster is not supported") as error,
    ):
        check_broker(settings_for(url))
    assert "\n" not in error.value.message


def test_a_server_that_is_away_at_start_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_broker(settings_for(f"redis://127.0.0.1:{free_port()}/0"))
    assert len(caplog.messages) == 1
    assert "could not be checked" in caplog.messages[0]
