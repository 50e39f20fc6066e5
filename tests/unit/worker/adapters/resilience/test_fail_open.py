import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from worker.adapters.resilience import fail_open
from worker.adapters.resilience.fail_open import FailOpen


def broken() -> int:
    raise RedisConnectionError("connection refused")


def test_returns_the_result() -> None:
    assert FailOpen("not counted")(lambda: 1, 0) == 1


def test_returns_the_default_and_pauses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    moment = 100.0
    monkeypatch.setattr(fail_open, "monotonic", lambda: moment)
    call = FailOpen("not counted")
    assert call(broken, 0) == 0
    assert caplog.messages == ["not counted: connection refused"]
    moment += 4
    assert call(lambda: 1, 0) == 0
    moment += 2
    assert call(lambda: 1, 0) == 1


def test_raises_what_is_not_an_error_of_redis() -> None:
    with pytest.raises(ZeroDivisionError):
        FailOpen("not counted")(lambda: 1 // 0, 0)
