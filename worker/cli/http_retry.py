"""Sending again what is safe to be sent again."""

import time
from collections.abc import Callable

import httpx2

_ATTEMPTS = 3
"""How often a request is sent that gets no answer."""

_LATER = (409, 429, 503)
"""The answers after which it is worth waiting; others, such as a full disk, take longer."""

_FIRST_WAIT = 0.5
"""Seconds before it is sent again, and twice as many each time after that."""

_MAX_WAIT = 90.0
"""Seconds for which the API may ask to come again later; longer than a killed request blocks."""


def send_with_retry(send: Callable[[], httpx2.Response]) -> httpx2.Response:
    """Send a request until it is answered with anything but to come again later.

    Args:
        send: Sends it; to do that again must be safe.

    Returns:
        The last answer, which asks to come again later where there is no patience left for it.

    Raises:
        httpx2.HTTPError: There is no answer.
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
        wait = answer.headers.get("retry-after", "") if answer.status_code in _LATER else ""
        if not wait.isdigit() or time.monotonic() + int(wait) > deadline:
            return answer
        time.sleep(int(wait))
