"""Credentials for Google's services."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import google.auth
from google.auth.exceptions import DefaultCredentialsError
from google.oauth2.service_account import Credentials

from tasks.errors import Unusable


def credentials_for(
    scopes: Sequence[str], file: Path | None = None, *, subject: str | None = None
) -> Any:
    """Load credentials for scopes.

    Args:
        scopes: The OAuth scopes.
        file: The JSON file of a service account; without one, the application default credentials.
        subject: The person on whose behalf a service account acts (domain-wide delegation).

    Raises:
        Unusable: No credentials were found, or the file is invalid.
    """
    accounts: Any = Credentials
    try:
        if file is not None:
            return accounts.from_service_account_file(str(file), scopes=scopes, subject=subject)
        found, _ = google.auth.default(scopes=scopes)
    except (OSError, ValueError, DefaultCredentialsError) as error:
        raise Unusable(
            "GOOGLE_CREDENTIALS: there are no credentials for Google that can be used",
            code="configuration",
        ) from error
    return found
