import json

import pytest

from worker.adapters.kafka.message import RequestMessage, read_message

POSITION = "requests-0-17"
CLOUD_EVENT = {"specversion": "1.0", "id": "A-7", "source": "/ats", "type": "x", "data": {"a": 1}}


def test_plain_json_is_known_by_its_position() -> None:
    message = RequestMessage(id=POSITION, key="k", body=b'{"a": 1}', value={"a": 1})
    assert read_message(POSITION, b"k", b'{"a": 1}', []) == (message, None)


def test_a_structured_cloud_event_is_known_by_its_id() -> None:
    body = json.dumps(CLOUD_EVENT).encode()
    message = RequestMessage(id="A-7", key=None, body=body, value={"a": 1})
    assert read_message(POSITION, None, body, []) == (message, None)


def test_a_binary_cloud_event_is_known_by_its_header() -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"A-7")]
    message = RequestMessage(id="A-7", key=None, body=b"[1]", value=[1])
    assert read_message(POSITION, None, b"[1]", headers) == (message, None)


@pytest.mark.parametrize("data", [{}, {"data": None}])
def test_a_cloud_event_may_hold_nothing(data: dict[str, None]) -> None:
    body = json.dumps({"specversion": "1.0", "id": "A-7", **data}).encode()
    message, fault = read_message(POSITION, None, body, [])
    assert (message.id, message.value, fault) == ("A-7", None, None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"interview please", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'"\xff"', "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_cannot_be_read_is_kept_with_the_reason(body: bytes | None, reason: str) -> None:
    message, fault = read_message(POSITION, b"\xff", body, [])
    assert fault is not None
    assert reason in fault.message
    assert message == RequestMessage(id=POSITION, key="\ufffd", body=body or b"")
