"""Download of recordings from an `audio_url`, with protection against SSRF."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urlsplit

import httpx2

from tasks.errors import InvalidInput
from worker.adapters.endpoints import AUDIO_URL, RECORDING
from worker.adapters.http.calls import instrumented_call
from worker.adapters.http.retry_after import parse_retry_after
from worker.adapters.http.ssrf import ForbiddenAddress, SSRFGuardTransport, check_scheme
from worker.adapters.scratch import scratch_file
from worker.ports import DownloadFailed, DownloadLimits

_POINTER = "/audio_url"
_UNREACHABLE = "audio_url_unreachable"
_RETRYABLE = (httpx2.codes.REQUEST_TIMEOUT, httpx2.codes.TOO_EARLY, httpx2.codes.TOO_MANY_REQUESTS)
_REDIRECTS = 5
_CHUNK = 1 << 16


@contextmanager
def download(
    url: str, *, max_bytes: int, timeout: float, allow_private: bool
) -> Iterator[tuple[Path, str]]:
    """Download a recording to a temporary file, which is deleted when the context ends.

    Each host name is resolved once, its address is checked, and the connection goes to that
    address. Neither a redirect nor a different DNS answer can lead into the internal network.

    Args:
        url: An http or https URL.
        max_bytes: The largest recording.
        timeout: Seconds for the whole download.
        allow_private: Whether to allow addresses that are not public.

    Yields:
        The file, and the recording's name.

    Raises:
        DownloadFailed: The download failed and may be retried.
        InvalidInput: The URL is invalid or forbidden, or the recording cannot be downloaded.
    """
    _check(url)
    limits = DownloadLimits(max_bytes=max_bytes, timeout=timeout, allow_private=allow_private)
    with scratch_file() as (file, recording):
        with instrumented_call(AUDIO_URL, RECORDING) as call:
            try:
                # asyncio limits the whole exchange. A time-out for each read would let a server
                # keep the connection open by sending a byte now and then.
                call.status = asyncio.run(_fetch(url, file, limits))
            except _Refused as refusal:
                call.status = refusal.status
                raise refusal.error from None
            except ForbiddenAddress as error:
                raise _forbidden(error.message) from error
            except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
                raise _unreachable(error, timeout) from error
        file.flush()
        yield recording, _name(url)


class _Refused(Exception):
    def __init__(self, status: int, error: InvalidInput) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error


async def _fetch(url: str, file: IO[bytes], limits: DownloadLimits) -> int:
    async with asyncio.timeout(limits["timeout"]), _client(limits) as client:
        async with client.stream("GET", url) as answer:
            try:
                _check_answer(answer, limits["max_bytes"])
                await _save(answer, file, limits["max_bytes"])
            except InvalidInput as error:
                raise _Refused(answer.status_code, error) from error
        return answer.status_code


def _check(url: str) -> None:
    try:
        check_scheme(urlsplit(url).scheme)
    except ValueError as error:
        raise _forbidden(f"this is not a URL: {error}") from error
    except ForbiddenAddress as error:
        raise _forbidden(error.message) from error


def _client(limits: DownloadLimits) -> httpx2.AsyncClient:
    transport = httpx2.AsyncHTTPTransport if limits["allow_private"] else SSRFGuardTransport
    return httpx2.AsyncClient(
        transport=transport(trust_env=False),
        timeout=limits["timeout"],
        follow_redirects=True,
        max_redirects=_REDIRECTS,
        trust_env=False,
        headers={"Accept": "audio/*, video/*, */*;q=0.1", "Accept-Encoding": "identity"},
    )


def _check_answer(answer: httpx2.Response, max_bytes: int) -> None:
    if answer.status_code in _RETRYABLE or answer.is_server_error:
        asked = parse_retry_after(answer.headers.get("retry-after", ""))
        raise DownloadFailed(f"the server answered {answer.status_code}", _UNREACHABLE, asked)
    if answer.status_code != httpx2.codes.OK:
        raise InvalidInput(
            f"the server answered {answer.status_code}", pointer=_POINTER, code=_UNREACHABLE
        )
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        # Not asked for, and a small answer could decode to more than memory holds.
        raise InvalidInput(
            f"the server answered with the content encoding {encoding[:40]}, but only identity is "
            "accepted",
            pointer=_POINTER,
            code="audio_url_encoding",
        )
    declared = answer.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)


async def _save(answer: httpx2.Response, file: IO[bytes], max_bytes: int) -> None:
    written = 0
    async for piece in answer.aiter_raw(_CHUNK):
        written += len(piece)
        if written > max_bytes:
            raise _too_large(max_bytes)
        file.write(piece)


def _too_large(max_bytes: int) -> InvalidInput:
    return InvalidInput(
        f"the recording is larger than {max_bytes} bytes", pointer=_POINTER, code="too_large"
    )


def _forbidden(message: str) -> InvalidInput:
    return InvalidInput(message, pointer=_POINTER, code="audio_url_forbidden")


def _unreachable(error: Exception, timeout: float) -> InvalidInput:
    if isinstance(error, TimeoutError):
        message = f"the recording took longer than {timeout:g} s to fetch"
        return DownloadFailed(message, "audio_url_timeout")
    message = f"the recording cannot be fetched: {str(error) or type(error).__name__}"
    if isinstance(error, httpx2.TransportError) and not isinstance(
        error, httpx2.UnsupportedProtocol
    ):
        return DownloadFailed(message, _UNREACHABLE)
    return InvalidInput(message, pointer=_POINTER, code=_UNREACHABLE)


def _name(url: str) -> str:
    return unquote(PurePosixPath(urlsplit(url).path).name)[:255] or "recording"
