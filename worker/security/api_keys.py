"""API keys, with their scopes and tenants."""

import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from time import monotonic

from pydantic import BaseModel, ConfigDict

from tasks.clock import now
from tasks.interviews.interview import DEFAULT_TENANT
from worker.ports import Key, KeyStore, Scope

_TOKEN = re.compile(r"iw_([0-9a-f]{12})_([\w-]{43})", re.ASCII)


class Caller(BaseModel):
    """The authenticated sender of a request.

    Attributes:
        key: The id of the API key; None if `AUTH` is `open`.
        tenant: The tenant whose interviews the caller can access.
        scopes: The granted scopes.
    """

    model_config = ConfigDict(frozen=True)

    key: str | None
    tenant: str
    scopes: frozenset[Scope]

    def may(self, *scopes: str) -> bool:
        """Whether all given scopes are granted; `admin` includes every scope."""
        return Scope.ADMIN in self.scopes or self.scopes.issuperset(scopes)


ANYONE = Caller(key=None, tenant=DEFAULT_TENANT, scopes=frozenset({Scope.ADMIN}))
"""The caller of every request if `AUTH` is `open`."""


def issue(
    name: str, tenant: str, scopes: Iterable[Scope], expires_at: datetime | None = None
) -> tuple[Key, str]:
    """Create a key.

    Returns:
        The key to store, and the token `iw_<id>_<secret>` for its user. The token cannot be
        recovered later.

    Raises:
        ValidationError: The name or the tenant is invalid, or there are no scopes.
    """
    secret = secrets.token_urlsafe(32)
    key = Key(
        id=secrets.token_hex(6),
        digest=_digest(secret),
        name=name,
        tenant=tenant,
        scopes=frozenset(scopes),
        created_at=now(),
        expires_at=expires_at,
    )
    return key, f"iw_{key.id}_{secret}"


class KeyRing:
    """Authenticates callers by their tokens.

    Args:
        store: The key store.
        ttl: Seconds for which a key is cached. A revoked key may be accepted for that long.
    """

    def __init__(self, store: KeyStore, ttl: float = 3.0) -> None:
        self._store = store
        self._ttl = ttl
        self._found: dict[str, tuple[float, Key]] = {}

    def caller(self, token: str) -> Caller | None:
        """The caller of a token; None if it is unknown, expired or revoked.

        Raises:
            Transient: The store is unavailable.
        """
        match = _TOKEN.fullmatch(token)
        key = self._key(match[1]) if match else None
        if match is None or key is None:
            return None
        # Compared in constant time, against timing attacks.
        if not hmac.compare_digest(_digest(match[2]), key.digest) or not key.is_valid(now()):
            return None
        return Caller(key=key.id, tenant=key.tenant, scopes=key.scopes)

    def _key(self, key_id: str) -> Key | None:
        looked_up, key = self._found.get(key_id, (0.0, None))
        if key is not None and monotonic() - looked_up < self._ttl:
            return key
        key = self._store.get(key_id)
        # Misses are not cached: a client could fill the memory with made-up ids.
        if key is not None:
            self._found[key_id] = (monotonic(), key)
        return key


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
