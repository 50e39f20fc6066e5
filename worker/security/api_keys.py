"""API keys: who may do what, and for which tenant."""

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
    """Who sends a request.

    Attributes:
        key: The id of the key that was shown; None under open access.
        tenant: Whose interviews there are for this caller.
        scopes: What the caller may do.
    """

    model_config = ConfigDict(frozen=True)

    key: str | None
    tenant: str
    scopes: frozenset[Scope]

    def may(self, *scopes: str) -> bool:
        """Whether all of these scopes are granted; `admin` grants every one."""
        return Scope.ADMIN in self.scopes or self.scopes.issuperset(scopes)


ANYONE = Caller(key=None, tenant=DEFAULT_TENANT, scopes=frozenset({Scope.ADMIN}))
"""Who calls under open access."""


def issue(
    name: str, tenant: str, scopes: Iterable[Scope], expires_at: datetime | None = None
) -> tuple[Key, str]:
    """Make a key.

    Returns:
        The key to be kept, and the token `iw_<id>_<secret>` to be handed out, which cannot be had
        again.

    Raises:
        ValidationError: The name or the tenant cannot be used, or there are no scopes.
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
    """Tells who shows a token.

    Args:
        store: Where the keys are.
        ttl: Seconds for which a key that was found is not looked up again, which is how long a
            revoked one may go on to be accepted.
    """

    def __init__(self, store: KeyStore, ttl: float = 3.0) -> None:
        self._store = store
        self._ttl = ttl
        self._found: dict[str, tuple[float, Key]] = {}

    def caller(self, token: str) -> Caller | None:
        """Who shows a token; None where it is not, or no longer, one of ours.

        Raises:
            Transient: The store is away.
        """
        match = _TOKEN.fullmatch(token)
        key = self._key(match[1]) if match else None
        if match is None or key is None:
            return None
        # As long for a wrong secret as for one that is nearly right.
        if not hmac.compare_digest(_digest(match[2]), key.digest) or not key.is_valid(now()):
            return None
        return Caller(key=key.id, tenant=key.tenant, scopes=key.scopes)

    def _key(self, key_id: str) -> Key | None:
        looked_up, key = self._found.get(key_id, (0.0, None))
        if key is not None and monotonic() - looked_up < self._ttl:
            return key
        key = self._store.get(key_id)
        # What is not there is not remembered: anybody can make up ids without end.
        if key is not None:
            self._found[key_id] = (monotonic(), key)
        return key


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
