"""The header `Idempotency-Key`: a request's name, by which it is known when it comes again."""

import re
from typing import Annotated

from fastapi import Depends, Header, Request

from tasks.errors import InvalidInput

_NAME = "Idempotency-Key"

# A String of RFC 9651, and what nearly everybody sends: the key without quotes around it.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-+\--~]*")
_MAX_LENGTH = 255

_DESCRIPTION = """\
Makes it safe to send a request again that was not answered: with the same key and the same content
it is carried out once, and answered with 202 and `Idempotent-Replayed: true` from then on, and with
the interview as it is by then (410 if it was erased). The same key with other content is refused
with 422 (`idempotency_key_reused`), and while the first request is being carried out with 409
(`idempotency_in_flight`) and `Retry-After`. A request that is refused, or fails, leaves its key
free. Keys are kept for 24 hours, those of each tenant apart: 1 to 255 printable ASCII characters,
such as a UUID, as a quoted string (RFC 9651) or bare; see
draft-ietf-httpapi-idempotency-key-header.
"""


def _key(
    request: Request,
    idempotency_key: Annotated[str | None, Header(alias=_NAME, description=_DESCRIPTION)] = None,
) -> str | None:
    # Documented by the parameter, and read from the request, since it may be there twice.
    del idempotency_key
    given = request.headers.getlist(_NAME)
    return parse_key(", ".join(given)) if given else None


IdempotencyKey = Annotated[str | None, Depends(_key)]
"""The key that a request brings, if any."""


def parse_key(text: str) -> str:
    """Read the value of the header.

    Raises:
        InvalidInput: It is no key.
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
            "in quotes if there is a space, a comma or a quote among them",
            code="idempotency_key_invalid",
        )
    return key
