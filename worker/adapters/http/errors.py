"""What a cloud service means by the status of an answer."""

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
    """The error that an answer stands for.

    Its message names the status alone: what services say of a question may quote it.

    Args:
        service: The service's name.
        status: The HTTP status, which is none of success.
        retry_after: The header of this name.
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
    """The error of a request that got no answer."""
    if timed_out:
        return Transient(f"{service} did not answer in time", code="provider_timeout")
    return Transient(f"{service} cannot be reached", code="provider_unreachable")


def invalid_response_error(service: str) -> InterviewWorkerError:
    """The error of an answer that is not what the service's documentation promises."""
    return Transient(f"{service} answered with something else", code="provider_unreadable")
