"""The tests' helpers for waiting and time limits."""

import time

import pytest

from tests import timing
from tests.timing import wait_for, wait_until, within


def slow(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    monkeypatch.setattr(timing, "SCALE", scale)


def test_within_fails_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 4.9, 10.0, 15.1])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with within(1):
        pass
    with pytest.raises(AssertionError, match=r"5\.10 s.*TEST_TIME_SCALE"), within(1):
        pass


def test_limits_scale_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 4)
    moments = iter([0.0, 19.9])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with within(1):
        pass


def test_limit_stays_below_the_time_of_the_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 4)
    moments = iter([0.0, 3.1])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with pytest.raises(AssertionError), within(1, before=3):
        pass


def test_error_in_the_context_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 0)
    with pytest.raises(ValueError, match="other"), within(1):
        raise ValueError("other")


def test_timeout_error_has_the_last_value(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 0)
    with pytest.raises(AssertionError, match="in vain"):
        wait_until(lambda: False)
    with pytest.raises(AssertionError, match=r"in vain.* for 5, not 3"):
        wait_for(lambda: 3, 5)
    wait_for(lambda: 5, 5)
