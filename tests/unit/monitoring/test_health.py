"""Health checks, and the status derived from their results."""

import threading

import pytest

from monitoring import health
from monitoring.health import Check, Details, Health, HealthStatus
from tasks.errors import Transient


def fine() -> Details:
    return {"role": "primary"}


def away() -> Details:
    raise Transient("it is away")


@pytest.mark.parametrize(
    ("database", "kafka", "whole"),
    [
        (fine, fine, HealthStatus.OK),
        (fine, away, HealthStatus.DEGRADED),
        (away, fine, HealthStatus.DOWN),
        (away, away, HealthStatus.DOWN),
    ],
)
def test_status_depends_on_critical_checks(
    database: object, kafka: object, whole: HealthStatus
) -> None:
    checks = Check("database", database, critical=True), Check("kafka", kafka)  # type: ignore[arg-type]
    found = Health(*checks).check()
    assert found.condition is whole
    assert found.missing == (["database"] if database is away else [])
    assert (found.checks["kafka"].condition is HealthStatus.DOWN) == (kafka is away)


def test_hanging_check_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_TIMEOUT", 0.1)
    gate = threading.Event()
    found = Health(Check("database", lambda: {"ok": gate.wait()}, critical=True)).check()
    gate.set()
    assert found.condition is HealthStatus.DOWN
    # The clock may be coarse.
    assert found.checks["database"].seconds >= 0.09


def test_slow_check_is_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    # With a coarse clock a check may take 0 seconds, which is still slower than this limit.
    monkeypatch.setattr(health, "_SLOW", -1.0)
    found = Health(Check("database", fine, critical=True)).check()
    assert found.condition is HealthStatus.DEGRADED
    assert found.checks["database"].details == {"role": "primary"}


def test_results_are_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_CACHE_SECONDS", 3600.0)
    asked = []

    def ask() -> Details:
        asked.append(1)
        return {}

    looker = Health(Check("database", ask))
    for _ in range(50):
        looker.check()
    assert len(asked) == 1
    monkeypatch.setattr(health, "_CACHE_SECONDS", -1.0)
    looker.check()
    assert len(asked) == 2


def test_waiting_requests_reuse_the_result_of_a_slow_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = 1000.0

    def slow() -> Details:
        nonlocal clock
        clock += 5
        return {}

    monkeypatch.setattr(health, "monotonic", lambda: clock)
    monkeypatch.setattr(health, "_CACHE_SECONDS", 1.0)
    # The check itself takes longer than its result is cached.
    looker = Health(Check("database", slow, critical=True))
    found = looker.check()
    clock += 0.9
    assert looker.check() is found
    clock += 0.2
    assert looker.check() is not found
