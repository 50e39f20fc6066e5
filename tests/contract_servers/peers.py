"""The peers: how each is built, and which suites run on it."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.contract_servers import golang, maven
from tests.contract_servers.cache import NotAvailable, found
from tests.contract_servers.tracing import COLLECTOR, JAEGER

_FERRETDB = "github.com/FerretDB/FerretDB"
_PROMETHEUS = "github.com/prometheus/prometheus"
_JAEGER = "github.com/jaegertracing/jaeger"
_COLLECTOR = (
    "github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
)
"""The part whose version is that of the collector's image."""


@dataclass(frozen=True)
class Lack:
    """Why a test cannot pass on a peer.

    Attributes:
        reason: What the peer lacks.
        always: Whether the test fails each time: what goes wrong in a race, does so by chance.
        ends: Whether the test comes to an end; one that does not is not run.
    """

    reason: str
    always: bool = True
    ends: bool = True


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
        lacks: What it lacks, by suite (`interviews` is `test_interviews.py`) and test.
    """

    name: str
    version: str
    build: Callable[[], Mapping[str, str]]
    suites: Sequence[str] = ()
    only: str = ""
    lacks: Mapping[str, Mapping[str, Lack]] = field(default_factory=dict)


_NO_PULL = "$pull takes whole elements only: events and callbacks are never removed"
_NOT_ATOMIC = "a change is a read and a write: of several at the same time some are lost"
_FERRETDB_LACKS = {
    "interviews": {
        "test_events_wait_until_they_are_published": Lack(_NO_PULL),
        **dict.fromkeys(
            (
                "test_counts_the_feedback",
                "test_keeps_the_last_word_of_everybody",
                "test_everybody_can_give_feedback_at_once",
                "test_feedback_is_erased_with_its_interview",
            ),
            Lack("$objectToArray is not implemented"),
        ),
        "test_only_one_of_many_moves_it": Lack(_NOT_ATOMIC, always=False),
        "test_is_retried_once_however_often_it_is_asked": Lack(_NOT_ATOMIC, always=False),
    },
    "callbacks": {
        # They take callbacks until there are none.
        **dict.fromkeys(
            (
                "test_every_event_of_an_interview_is_told_in_its_order",
                "test_failing_and_cancelling_are_told",
                "test_a_refused_change_is_not_told",
                "test_a_tombstone_forgets_the_url_with_the_last_callback",
            ),
            Lack(_NO_PULL, ends=False),
        ),
        "test_what_is_postponed_makes_way": Lack("$elemMatch takes no dotted names"),
        "test_those_that_wait_longest_come_first": Lack("no order by a field within an array"),
    },
    "idempotency": {
        "test_mongodb_forgets_by_itself": Lack("expireAfterSeconds is not implemented"),
        "test_of_many_one_is_first": Lack(_NOT_ATOMIC, always=False),
        "test_of_many_at_once_one_is_carried_out": Lack(_NOT_ATOMIC, always=False),
    },
    "ledger": {
        "test_nothing_is_lost_in_small_sums_nor_among_many": Lack(_NOT_ATOMIC, always=False),
    },
    "reservations": {
        "test_keeps_the_old_span_where_the_new_one_is_taken": Lack(
            "an update that breaks a unique index is an InternalError, not a DuplicateKey (11000)"
        ),
        "test_of_many_who_compete_one_wins": Lack(_NOT_ATOMIC, always=False),
        "test_of_overlapping_spans_all_that_win_are_apart": Lack(_NOT_ATOMIC, always=False),
    },
}


def _ferretdb() -> Mapping[str, str]:
    return {"CONTRACT_MONGODB": str(golang.built("ferretdb", _FERRETDB))}


def _kafka() -> Mapping[str, str]:
    found("java")  # also where the jars are in the cache
    return {"CONTRACT_KAFKA": str(maven.jars("kafka"))}


def _promtool() -> Mapping[str, str]:
    program = golang.built("promtool", _PROMETHEUS, f"{_PROMETHEUS}/cmd/promtool")
    # tests/requirements.py takes the first one on the path.
    return {"PATH": os.pathsep.join((str(program.parent), os.environ.get("PATH", "")))}


def _jaeger() -> Mapping[str, str]:
    return {JAEGER: str(golang.built("jaeger", _JAEGER, f"{_JAEGER}/cmd/jaeger"))}


def _collector() -> Mapping[str, str]:
    return {COLLECTOR: str(golang.built("collector", _COLLECTOR)), **_jaeger()}


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
            "tests/contract_servers/sessions.py",
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
        "jaeger",
        golang.version_of("jaeger", _JAEGER),
        _jaeger,
        ("tests/contract_servers/traces.py",),
    ),
    Peer(
        "collector",
        golang.version_of("collector", _COLLECTOR),
        _collector,
        ("tests/contract_servers/traces.py", "tests/contract_servers/sampling.py"),
    ),
    Peer(
        "opensearch",
        "",
        _missing(
            "Maven returned no distribution of it; besides, it has no index.lifecycle.name, which "
            "the index template sets"
        ),
    ),
    Peer(
        "pint",
        "",
        _missing("the module proxy refuses all versions of github.com/cloudflare/pint (403)"),
    ),
)
