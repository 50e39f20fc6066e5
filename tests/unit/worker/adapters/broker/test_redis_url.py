"""Conversion of broker URLs from Celery to redis-py."""

import pytest

from tasks.errors import Permanent
from worker.adapters.broker.queues import open_broker
from worker.adapters.broker.redis_url import redis_py_url
from worker.adapters.resilience.rate_limit import RateLimit


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://user:p%40ss@[::1]:6379/1", "redis://user:p%40ss@[::1]:6379/1"),
        ("unix:///run/valkey.sock?db=2", "unix:///run/valkey.sock?db=2"),
        ("redis+socket:///run/valkey.sock", "unix:///run/valkey.sock"),
        ("redis+socket:///run/v.sock?virtual_host=2", "unix:///run/v.sock?db=2"),
        ("rediss://h?ssl_cert_reqs=CERT_NONE", "rediss://h?ssl_cert_reqs=none"),
        (
            "rediss://h/3?ssl_cert_reqs=required&ssl_ca_certs=%2Fca.pem",
            "rediss://h/3?ssl_cert_reqs=required&ssl_ca_certs=%2Fca.pem",
        ),
    ],
)
def test_addresses_of_celery_become_those_of_redis_py(given: str, expected: str) -> None:
    assert redis_py_url(given) == expected
    open_broker(given, ["q"], {0: "high"}).close()
    RateLimit(given, 60).close()


@pytest.mark.parametrize("url", ["sentinel://a:1", "memory://", "nonsense"])
def test_refuses_brokers_it_cannot_read(url: str) -> None:
    with pytest.raises(Permanent, match="broker's URL"):
        open_broker(url, ["q"], {0: "high"})
