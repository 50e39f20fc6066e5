"""Retries of idempotent HTTP requests."""

import time
from collections.abc import Callable

import httpx2

_ATTEMPTS = 3
"""Maximum number of attempts if there is no response."""

_RETRYABLE = (409, 429, 503)
"""Statuses that are retried; others with `Retry-After`, such as a full disk (507), take longer."""

_FIRST_WAIT = 0.5
"""Seconds before the second attempt; doubled for each further attempt."""

_MAX_WAIT = 90.0
"""Seconds to wait at most for `Retry-After`; longer than a killed request blocks its key."""


def send_with_retry(send: Callable[[], httpx2.Response]) -> httpx2.Response:
    """Send a request, retrying without a response or after a response with `Retry-After`.

    Args:
        send: Sends the request, which must be idempotent.

    Returns:
        The last response. It may still be a retryable one if the time to wait is exhausted.

    Raises:
        httpx2.HTTPError: There was no response to the last attempt.
    """
    deadline = time.monotonic() + _MAX_WAIT
    failures = 0
    while True:
        try:
            answer = send()
        except httpx2.TransportError:
            failures += 1
            if failures == _ATTEMPTS:
                raise
            time.sleep(_FIRST_WAIT * 2 ** (failures - 1))
            continue
        wait = answer.headers.get("retry-after", "") if answer.status_code in _RETRYABLE else ""
        if not wait.isdigit() or time.monotonic() + int(wait) > deadline:
            return answer
        time.sleep(int(wait))
