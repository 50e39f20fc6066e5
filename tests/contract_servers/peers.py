"""The peers: how each is built, and which suites run on it."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.contract_servers import golang, maven
from tests.contract_servers.cache import NotAvailable

_FERRETDB = "github.com/FerretDB/FerretDB"
_PROMETHEUS = "github.com/prometheus/prometheus"


@dataclass(frozen=True)
class Peer:
    """A server or program of another make.

    Attributes:
        name: Its name, for `PEER=`.
        version: The version that is pinned; empty if none is.
        build: Builds it if it is not in the cache, and returns the environment that makes the
            suites use it. Raises `NotAvailable`.
        suites: The tests that run on it, as pytest's arguments.
        only: Of these, the ones whose names match this expression (`pytest -k`).
        lacks: What it lacks: parts of the names of tests, and why they cannot pass on it.
    """

    name: str
    version: str
    build: Callable[[], Mapping[str, str]]
    suites: Sequence[str] = ()
    only: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)


_NOT_ATOMIC = "updates are not atomic: of increments at the same time some are lost"
_FERRETDB_LACKS = {
    "test_ledger.py::test_nothing_is_lost_in_small_sums_nor_among_many": _NOT_ATOMIC,
    "test_idempotency.py::test_mongodb_forgets_by_itself": "expireAfterSeconds is not implemented",
    "test_reservations.py::test_keeps_the_old_span_where_the_new_one_is_taken": (
        "an update that breaks a unique index is an InternalError, not a DuplicateKey (11000)"
    ),
}


def _ferretdb() -> Mapping[str, str]:
    return {"CONTRACT_MONGODB": str(golang.built("ferretdb", _FERRETDB))}


def _kafka() -> Mapping[str, str]:
    return {"CONTRACT_KAFKA": str(maven.jars("kafka"))}


def _promtool() -> Mapping[str, str]:
    program = golang.built("promtool", _PROMETHEUS, f"{_PROMETHEUS}/cmd/promtool")
    # tests/requirements.py takes the first one on the path.
    return {"PATH": os.pathsep.join((str(program.parent), os.environ.get("PATH", "")))}


def _missing(reason: str) -> Callable[[], Mapping[str, str]]:
    def refuse() -> Mapping[str, str]:
        raise NotAvailable(reason)

    return refuse


PEERS: tuple[Peer, ...] = (
    Peer(
        "ferretdb",
        golang.version_of("ferretdb", _FERRETDB),
        _ferretdb,
        tuple(
            f"tests/contract/test_{name}.py"
            for name in (
                *("interviews", "callbacks", "audit", "idempotency"),
                *("keys", "ledger", "reservations", "audio"),
            )
        ),
        only="mongo or gridfs",
        lacks=_FERRETDB_LACKS,
    ),
    Peer(
        "kafka",
        maven.version_of("kafka"),
        _kafka,
        (
            "tests/contract/test_events.py",
            "tests/integration/test_kafka.py",
            "tests/monitoring/test_stores.py",
            "tests/monitoring/test_services.py",
        ),
        only="kafka or (lag and not mongodb)",
    ),
    Peer(
        "promtool",
        golang.version_of("promtool", _PROMETHEUS),
        _promtool,
        ("tests/alerting/test_rules.py",),
    ),
    Peer(
        "pint",
        "",
        _missing("its Go module is refused by the module proxy, and there is no other package"),
    ),
    Peer(
        "opensearch",
        "",
        _missing("Maven has its jars, but not the modules that its distribution puts together"),
    ),
)
