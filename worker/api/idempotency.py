"""The `Idempotency-Key` request header (draft-ietf-httpapi-idempotency-key-header)."""

import re
from typing import Annotated

from fastapi import Depends, Header, Request

from tasks.errors import InvalidInput

_NAME = "Idempotency-Key"

# A quoted String as in RFC 9651, and the bare form without quotes that most clients send.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-+\--~]*")
_MAX_LENGTH = 255

_DESCRIPTION = """\
Makes it safe to retry a request. Requests with the same key and the same content are executed once;
repeats return 202 with `Idempotent-Replayed: true` and the current state of the interview, or 410
if it was erased. The same key with different content is rejected with 422
(`idempotency_key_reused`). While the first request is still in progress, repeats are rejected with
409 (`idempotency_in_flight`) and `Retry-After`. A request that is rejected or fails does not use up
its key. Keys are kept for 24 hours, separately for each tenant. A key has 1 to 255 printable ASCII
characters, such as a UUID, as a quoted string (RFC 9651) or bare. See
draft-ietf-httpapi-idempotency-key-header.
"""


def _key(
    request: Request,
    idempotency_key: Annotated[str | None, Header(alias=_NAME, description=_DESCRIPTION)] = None,
) -> str | None:
    # The parameter only documents the header: it is read from the request, as it may occur twice.
    del idempotency_key
    given = request.headers.getlist(_NAME)
    return parse_key(", ".join(given)) if given else None


IdempotencyKey = Annotated[str | None, Depends(_key)]
"""The key of the request, or None."""


def parse_key(text: str) -> str:
    """Parse the value of the header.

    Raises:
        InvalidInput: The value is not a valid key.
    """
    text = text.strip(" \t")
    if quoted := _QUOTED.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _BARE.fullmatch(text):
        key = text
    else:
        key = ""
    if not 1 <= len(key) <= _MAX_LENGTH:
        raise InvalidInput(
            f"{_NAME} must have 1 to {_MAX_LENGTH} printable ASCII characters, "
            "in quotes if it contains a space, a comma or a quote",
            code="idempotency_key_invalid",
        )
    return key
