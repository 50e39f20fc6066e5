"""The contract of `KeyStore`, and authentication by key, in memory and in MongoDB."""

from datetime import timedelta

import pytest

from tasks.clock import now
from tasks.errors import NotFound
from tests.fakes.keys import MemoryKeys
from worker.ports import KeyStore, Scope
from worker.security.api_keys import Caller, KeyRing, issue


@pytest.fixture(params=["memory", "mongodb"])
def store(request: pytest.FixtureRequest) -> KeyStore:
    if request.param == "memory":
        return MemoryKeys()
    from worker.adapters.mongo import MongoKeys

    return MongoKeys(request.getfixturevalue("database"))


def made(store: KeyStore, *scopes: Scope, days: float | None = None) -> tuple[str, str]:
    expires_at = None if days is None else now() + timedelta(days=days)
    key, token = issue("test", "acme", scopes or [Scope.READ], expires_at)
    store.add(key)
    return key.id, token


def test_reads_back_what_was_added(store: KeyStore) -> None:
    moment = now().replace(microsecond=0)
    key, _ = issue("test", "acme", [Scope.READ, Scope.WRITE], moment + timedelta(days=1))
    key = key.model_copy(update={"created_at": moment})
    store.add(key)
    assert store.get(key.id) == key
    assert store.get("000000000000") is None
    assert store.all() == [key]


def test_revokes_once(store: KeyStore) -> None:
    key_id, _ = made(store)
    moment = now().replace(microsecond=0)
    store.revoke(key_id, moment)
    store.revoke(key_id, moment + timedelta(days=1))
    (key,) = store.all()
    assert key.revoked_at == moment
    with pytest.raises(NotFound):
        store.revoke("000000000000", moment)


def test_tells_who_shows_a_token(store: KeyStore) -> None:
    key_id, token = made(store, Scope.READ)
    caller = Caller(key=key_id, tenant="acme", scopes=frozenset({Scope.READ}))
    assert KeyRing(store).caller(token) == caller


def test_keeps_no_secret(store: KeyStore) -> None:
    _, token = made(store)
    secret = token.split("_", 2)[2]
    (key,) = store.all()
    assert secret not in key.model_dump_json()
    assert key.digest not in repr(key)


@pytest.mark.parametrize("days", [None, -1.0])
def test_lets_nobody_in_by_a_key_that_is_over(store: KeyStore, days: float | None) -> None:
    key_id, token = made(store, days=days)
    if days is None:
        store.revoke(key_id, now())
    assert KeyRing(store).caller(token) is None


def test_lets_nobody_in_by_another_token(store: KeyStore) -> None:
    _, token = made(store)
    _, other = made(store)
    prefix, key_id, secret = token.split("_", 2)
    for wrong in (
        "",
        key_id,
        secret,
        token[:-1],
        f"{token}A",
        f"{token}\n",
        f"{prefix}_{key_id}_{other.split('_', 2)[2]}",
        f"{prefix}_{'0' * 12}_{secret}",
        f"xx_{key_id}_{secret}",
    ):
        assert KeyRing(store).caller(wrong) is None, wrong


def test_a_revoked_key_is_let_in_no_longer_than_it_is_remembered(store: KeyStore) -> None:
    key_id, token = made(store)
    remembering, forgetting = KeyRing(store, ttl=60), KeyRing(store, ttl=0)
    assert remembering.caller(token)
    assert forgetting.caller(token)
    store.revoke(key_id, now())
    assert remembering.caller(token)
    assert not forgetting.caller(token)


@pytest.mark.parametrize(
    ("granted", "asked", "may"),
    [
        ({Scope.READ}, [Scope.READ], True),
        ({Scope.READ}, [Scope.WRITE], False),
        ({Scope.READ}, [Scope.READ, Scope.WRITE], False),
        ({Scope.WRITE, Scope.READ, Scope.ERASE}, [Scope.ADMIN], False),
        ({Scope.ADMIN}, [Scope.WRITE, Scope.READ, Scope.ERASE], True),
    ],
)
def test_a_scope_is_granted_by_itself_or_by_admin(
    granted: set[Scope], asked: list[Scope], may: bool
) -> None:
    assert Caller(key="1", tenant="acme", scopes=frozenset(granted)).may(*asked) is may
