import pytest

from tasks.errors import InvalidInput
from worker.api.idempotency import parse_key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (' "a b, c" \t', "a b, c"),
        (r'"say \"no\" \\ yes"', r'say "no" \ yes'),
        ("order:17/retry=no;x", "order:17/retry=no;x"),
        (r"a\b", r"a\b"),
        ("k" * 255, "k" * 255),
        ('"' + r"\"" * 255 + '"', '"' * 255),
    ],
)
def test_reads_a_key(text: str, key: str) -> None:
    assert parse_key(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        '""',
        '"',
        '"a',
        'a"',
        '"a"b"',
        r'"\a"',
        '"a\\"',
        '"a", "b"',
        '"a"; b=1',
        "a, a",
        "a b",
        "a\tb",
        "é",
        '"é"',
        '"\x7f"',
        "k" * 256,
        '"' + "k" * 256 + '"',
    ],
)
def test_refuses_what_is_none(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_key(text)
    assert caught.value.code == "idempotency_key_invalid"
