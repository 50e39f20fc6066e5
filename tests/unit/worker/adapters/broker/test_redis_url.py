"""Addresses of Redis, as Celery and redis-py write them."""

import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.errors import Permanent
from worker.adapters.broker.queues import open_broker
from worker.adapters.broker.redis_address import RedisAddress, is_redis, parse_address
from worker.adapters.broker.redis_url import check_files
from worker.adapters.resilience.rate_limit import RateLimit
from worker.celery_app.config import create_app
from worker.settings import Settings

_VERIFIED = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}


def _at(host: str = "h", port: int = 6379, **others: object) -> RedisAddress:
    return RedisAddress(((host, port),), **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("redis://h", _at()),
        ("REDIS://h:7000/0", _at(port=7000)),
        ("redis:///2", _at("localhost", database=2)),
        ("redis://h?db=3", _at(database=3)),
        ("redis://h/3?virtual_host=3", _at(database=3)),
        ("redis://:p%40ss@[::1]:7000/1", _at("::1", 7000, database=1, password="p@ss")),
        ("redis://user:p;x@h", _at(username="user", password="p;x")),
        ("unix:///run/V.sock?db=2", RedisAddress((), "/run/V.sock", 2)),
        ("unix://u:p@/run/v", RedisAddress((), "/run/v", username="u", password="p")),
        ("unix:///run/v?password=p", RedisAddress((), "/run/v", password="p")),
        ("redis+socket:///run/v.sock", RedisAddress((), "/run/v.sock")),
        ("redis+socket:///run/v.sock?virtual_host=2", RedisAddress((), "/run/v.sock", 2)),
        ("rediss://h", _at(tls=_VERIFIED)),
        ("rediss://h?ssl_cert_reqs=CERT_REQUIRED", _at(tls=_VERIFIED)),
        (
            "rediss://h?ssl_cert_reqs=CERT_OPTIONAL",
            _at(tls={**_VERIFIED, "ssl_cert_reqs": "optional"}),
        ),
        ("rediss://h?ssl_cert_reqs=none", _at(tls={**_VERIFIED, "ssl_cert_reqs": "none"})),
        (
            "rediss://h/3?ssl_ca_certs=%2Fca.pem&ssl_check_hostname=False",
            _at(
                database=3,
                tls={**_VERIFIED, "ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False},
            ),
        ),
        (
            "sentinel://u:p@a:1;sentinel://b/3?master_name=m&sentinel_password=s",
            RedisAddress(
                (("a", 1), ("b", 26379)),
                database=3,
                username="u",
                password="p",
                master_name="m",
                sentinel_password="s",
            ),
        ),
        (
            "sentinel://a?master_name=m&ssl_cert_reqs=required",
            _at("a", 26379, master_name="m", tls=_VERIFIED),
        ),
    ],
)
def test_reads_addresses(given: str, expected: RedisAddress) -> None:
    assert is_redis(given)
    assert parse_address(given) == expected
    open_broker(given, ["q"], {0: "high"}).close()
    RateLimit(given, 60).close()
    assert create_app(Settings(redis_url=SecretStr(given))).conf.broker_transport


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "must start with"),
        ("nonsense", "must start with"),
        ("hunter2:6379", "must start with"),
        ("memory://", "must start with"),
        ("http://hunter2", "must start with"),
        ("redis://:hun#ter2@h", "%23"),
        ("redis://:hun?ter2@h", "name=value|port"),
        ("redis://:hun/ter2@h", "port"),
        ("redis://:12/hunter2@h:6379/0", "database"),
        ("redis://:hunter2@h:0", "port"),
        ("redis://:hunter2@h:65536", "port"),
        ("redis://:hunter2@h:six", "port"),
        ("redis://:hunter2@[::1", "valid URL"),
        ("redis://:hunter2@h/zero", "database"),
        ("redis://:hunter2@h/-1", "database"),
        ("redis://:hunter2@h/1?db=2", "two databases"),
        ("redis://:hunter2@h?passwd=hunter2", "unknown"),
        ("redis://:hunter2@h?password=hunter3", "two different"),
        ("redis://:hunter2@h?ssl_cert_reqs=required", "need rediss"),
        ("rediss://:hunter2@h?ssl_cert_reqs=hunter2", "ssl_cert_reqs"),
        ("rediss://:hunter2@h?ssl_check_hostname=hunter2", "ssl_check_hostname"),
        ("redis://:hunter2@h;redis://b", "port|several"),
        ("redis+socket://run/redis.sock", "absolute path"),
        ("redis+socket://", "absolute path"),
        ("unix:///run/redis.sock?ssl_cert_reqs=none", "neither TLS"),
        ("sentinel://:hunter2@a:1", "master_name"),
        ("sentinel://a:1;redis://b?master_name=m", "several"),
        ("sentinel://a/1;sentinel://b/2?master_name=m", "two databases"),
        ("redis://h?master_name=m", "need sentinel"),
        ("redis-cluster://:hunter2@h", "Cluster is not supported"),
        ("rediss+cluster://:hunter2@h", "Cluster is not supported"),
    ],
)
def test_a_wrong_address_is_one_line_without_its_password(url: str, reason: str) -> None:
    opened = (
        lambda: open_broker(url, ["q"], {0: "high"}),
        lambda: RateLimit(url, 60),
        lambda: create_app(Settings(redis_url=SecretStr(url))),
    )
    for one in opened:
        with pytest.raises(Permanent, match=f"^REDIS_URL: .*({reason})") as error:
            one()
        assert "\n" not in error.value.message
        for secret in ("hunter", "ter2", "hun"):
            assert secret not in error.value.message


def test_the_password_is_not_in_the_representation() -> None:
    url = "sentinel://u:hunter2@a?master_name=m&sentinel_password=hunter3&ssl_password=hunter4"
    assert "hunter" not in repr(parse_address(url))


@pytest.mark.parametrize("name", ["ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"])
def test_names_a_missing_file_of_tls(tmp_path: Path, name: str) -> None:
    with pytest.raises(Permanent, match=f"REDIS_URL: {name}: .* does not exist"):
        check_files(f"rediss://h?{name}={tmp_path}/none.pem")


@pytest.mark.parametrize("name", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_refuses_a_file_of_tls_that_is_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / "file.pem"
    path.write_text("nothing")
    with pytest.raises(Permanent, match="cannot be loaded"):
        check_files(f"rediss://h?{name}={path}")


def test_the_authorities_of_the_system_need_no_file() -> None:
    assert ssl.get_default_verify_paths()
    check_files("rediss://h")
