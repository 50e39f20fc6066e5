"""Mapping of HTTP statuses of cloud services to errors."""

from http import HTTPStatus

from tasks.errors import InterviewWorkerError, Permanent, Transient, Unusable
from worker.adapters.http.retry_after import parse_retry_after

_RETRYABLE = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
_UNUSABLE = {
    HTTPStatus.UNAUTHORIZED: "provider_credentials",
    HTTPStatus.PAYMENT_REQUIRED: "provider_quota",
    HTTPStatus.FORBIDDEN: "provider_forbidden",
    HTTPStatus.NOT_FOUND: "provider_unknown_model",
}


def error_from_status(
    service: str, status: int, *, retry_after: str | None = None
) -> Transient | Unusable | Permanent:
    """Return the error for the status of a response.

    Its message contains only the status: the body of a response may quote the request.

    Args:
        service: The service's name.
        status: The HTTP status, not a success.
        retry_after: The header `Retry-After`.
    """
    message = f"{service} answered {status}"
    if status in _RETRYABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        wait = parse_retry_after(retry_after) if retry_after else None
        code = "provider_busy" if status == HTTPStatus.TOO_MANY_REQUESTS else "provider_unavailable"
        return Transient(message, code=code, retry_after=wait)
    if status in _UNUSABLE:
        return Unusable(message, code=_UNUSABLE[HTTPStatus(status)])
    return Permanent(message, code="provider_refused")


def connection_error(service: str, *, timed_out: bool) -> InterviewWorkerError:
    """Return the error for a request without a response."""
    if timed_out:
        return Transient(f"{service} did not answer in time", code="provider_timeout")
    return Transient(f"{service} cannot be reached", code="provider_unreachable")


def invalid_response_error(service: str) -> InterviewWorkerError:
    """Return the error for a response that does not match the service's documentation."""
    return Transient(f"{service} returned an invalid response", code="provider_unreadable")
