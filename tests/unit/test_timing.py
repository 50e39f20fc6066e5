"""The tests' helpers for waiting and time limits."""

import time

import pytest

from tests import timing
from tests.timing import wait_for, wait_until, within


def slow(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    monkeypatch.setattr(timing, "SCALE", scale)


def test_what_is_soon_passes_and_what_is_late_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 4.9, 10.0, 15.1])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with within(1):
        pass
    with pytest.raises(AssertionError, match=r"5\.10 s.*TEST_TIME_SCALE"), within(1):
        pass


def test_a_slow_machine_has_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 4)
    moments = iter([0.0, 19.9])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with within(1):
        pass


def test_no_machine_is_too_slow_to_prove_something(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 4)
    moments = iter([0.0, 3.1])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with pytest.raises(AssertionError), within(1, before=3):
        pass


def test_an_error_of_its_own_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 0)
    with pytest.raises(ValueError, match="other"), within(1):
        raise ValueError("other")


def test_what_never_comes_is_told_with_the_last_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 0)
    with pytest.raises(AssertionError, match="in vain"):
        wait_until(lambda: False)
    with pytest.raises(AssertionError, match=r"in vain.* for 5, not 3"):
        wait_for(lambda: 3, 5)
    wait_for(lambda: 5, 5)
