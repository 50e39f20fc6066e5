"""A service account and its tokens, shared by the imitations of Google's services."""

import json
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth.credentials import CredentialsWithRegionalAccessBoundary

from tests.servers.scripted import Answer, Request, Script

_TOKEN = {"access_token": "ya29.token", "expires_in": 3600, "token_type": "Bearer"}


@cache
def _key() -> str:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def service_account(place: Path, url: str) -> Path:
    """The file of a service account whose tokens come from a server."""
    file = place / "account.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "test",
                "private_key_id": "1",
                "private_key": _key(),
                "client_email": "worker@test.iam.gserviceaccount.com",
                "client_id": "1",
                "token_uri": f"{url}/token",
            }
        )
    )
    return file


def without_regions() -> AbstractContextManager[object]:
    """Prevent the library from querying a fixed address of Google for allowed regions."""
    name = "_is_regional_access_boundary_lookup_required"
    return patch.object(CredentialsWithRegionalAccessBoundary, name, return_value=False)


def with_tokens(script: Script) -> Script:
    """A script that issues tokens, and passes all other requests to another script."""

    def answer(request: Request) -> Answer:
        return Answer(body=_TOKEN) if request.path == "/token" else script(request)

    return answer


def google_error(status: int, reason: str, **headers: str) -> Answer:
    """An error response: https://developers.google.com/calendar/api/guides/errors."""
    error = {
        "code": status,
        "message": "It did not work.",
        "status": reason.upper(),
        "errors": [{"domain": "global", "reason": reason, "message": "It did not work."}],
    }
    return Answer(status, {"error": error}, {k.replace("_", "-"): v for k, v in headers.items()})
