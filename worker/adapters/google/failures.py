"""Mapping of the errors of Google's clients."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

import httplib2
import requests
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.protobuf.json_format import ParseError
from googleapiclient.errors import HttpError

from tasks.errors import InterviewWorkerError, Transient, Unusable
from worker.adapters.google.endpoints import AUTH
from worker.adapters.http.errors import connection_error, error_from_status, invalid_response_error

_RATE_LIMITS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"})
"""Reasons of a 403 that is temporary: https://developers.google.com/calendar/api/guides/errors."""


@contextmanager
def mapped_errors(service: str) -> Iterator[None]:
    """Turn the errors of Google's clients into this project's.

    Args:
        service: The name of the service.
    """
    try:
        yield
    except (HttpError, GoogleAPICallError) as error:
        raise refused(service, error) from error
    except GoogleAuthError as error:
        raise _credentials(error) from error
    except (requests.JSONDecodeError, ParseError) as error:
        raise invalid_response_error(service) from error
    except (requests.RequestException, httplib2.HttpLib2Error, HTTPException, OSError) as error:
        timed_out = isinstance(error, requests.Timeout | TimeoutError)
        raise connection_error(service, timed_out=timed_out) from error
    except (ValueError, KeyError, TypeError) as error:
        raise invalid_response_error(service) from error


def refused(service: str, error: HttpError | GoogleAPICallError) -> InterviewWorkerError:
    """Return the error for an error response."""
    if isinstance(error, GoogleAPICallError):
        wait = error.response.headers.get("retry-after") if error.response is not None else None
        return error_from_status(service, int(error.code or 500), retry_after=wait)
    wait = error.resp.get("retry-after")
    if error.status_code == 403 and reason_of(error) in _RATE_LIMITS:
        return error_from_status(service, 429, retry_after=wait)
    return error_from_status(service, error.status_code, retry_after=wait)


def reason_of(error: HttpError) -> str | None:
    """Return the reason in an error response of the Calendar API."""
    details = error.error_details
    first = details[0] if isinstance(details, list) and details else None
    return str(first.get("reason")) if isinstance(first, dict) else None


def _credentials(error: GoogleAuthError) -> InterviewWorkerError:
    if isinstance(error, TransportError):
        return connection_error(AUTH, timed_out=False)
    if error.retryable:
        return Transient("google_auth is unavailable", code="provider_unavailable")
    if isinstance(error, DefaultCredentialsError):
        return Unusable("there are no credentials for Google", code="configuration")
    return Unusable("Google does not accept our credentials", code="provider_credentials")


def is_refusal_of_calendar(error: HttpError) -> bool:
    """Whether access is denied to one calendar rather than to the whole service."""
    if error.status_code == 404:
        return True
    service = _RATE_LIMITS | {"accessNotConfigured", "dailyLimitExceeded"}
    return error.status_code == 403 and reason_of(error) not in service
