"""Delivery of callbacks by the Standard Webhooks specification."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from importlib.metadata import version

import httpx2
from standardwebhooks import Webhook
from typing_extensions import override

from tasks.clock import now
from tasks.errors import InvalidInput
from tasks.interviews.callbacks import Callback, DeliveryFailed, ReceiverGone
from tasks.interviews.events import CONTENT_TYPE, cloud_event_json
from tasks.ports import CallbackSender
from worker.adapters.endpoints import CALLBACK, WEBHOOK
from worker.adapters.http.calls import instrumented_call
from worker.adapters.http.retry_after import parse_retry_after
from worker.adapters.http.ssrf import ForbiddenAddress, pin_public_address, resolve_public_address

_POINTER = "/callback_url"
_WAIT_STATUSES = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_MAX_RETRY_AFTER = 86_400
"""Seconds; a longer `Retry-After` is cut to this."""


class WebhookSender(CallbackSender):
    """A `CallbackSender` that posts CloudEvents; it does not follow redirects.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Args:
        secrets: Secrets of the form `whsec_<base64>`; every secret signs, so that receivers can
            switch from one to the next during a rotation.
        timeout: Seconds from connecting to the response headers.
        allow_private: Whether to allow addresses that are not public.
    """

    def __init__(self, secrets: Sequence[str], *, timeout: float, allow_private: bool) -> None:
        self._signers = [Webhook(secret) for secret in secrets]
        self._timeout = timeout
        self._allow_private = allow_private
        self._agent = f"interview-worker/{version('interview-worker')}"
        self._tls = httpx2.create_ssl_context(trust_env=False)

    @override
    def send(self, callback: Callback) -> None:
        with instrumented_call(WEBHOOK, CALLBACK) as call:
            try:
                request = self._request(callback)
                # asyncio limits the whole request. A time-out for each read would let a receiver
                # keep the connection open by sending a byte now and then.
                status, headers = asyncio.run(self._post(request))
            except ForbiddenAddress as error:
                raise DeliveryFailed(error.message) from error
            except TimeoutError as error:
                raise DeliveryFailed(f"no answer within {self._timeout:g} s") from error
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
                raise DeliveryFailed(str(error) or type(error).__name__) from error
            call.status = status
        _check(status, headers)

    def _request(self, callback: Callback) -> httpx2.Request:
        body = cloud_event_json(callback.event)
        return httpx2.Request(
            "POST",
            callback.url,
            content=body.encode(),
            headers={
                "Content-Type": CONTENT_TYPE,
                "User-Agent": self._agent,
                **self._signed(callback.event.id, body),
            },
        )

    def _signed(self, message_id: str, body: str) -> dict[str, str]:
        moment = now()
        signatures = (one.sign(message_id, moment, body) for one in self._signers)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    async def _post(self, request: httpx2.Request) -> tuple[int, httpx2.Headers]:
        transport = httpx2.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        async with asyncio.timeout(self._timeout), transport:
            if not self._allow_private:
                await pin_public_address(request)
            # The body of the response is not read.
            answer = await transport.handle_async_request(request)
            await answer.aclose()
        return answer.status_code, answer.headers


def check_callback_url(url: str, *, allow_private: bool) -> None:
    """Reject a URL whose host has an address that is not public.

    A host that cannot be resolved is accepted: the address is checked again at each delivery.

    Raises:
        InvalidInput: The URL is forbidden.
    """
    if allow_private:
        return
    try:
        resolve_public_address(httpx2.URL(url))
    except (ForbiddenAddress, httpx2.InvalidURL) as error:
        raise InvalidInput(str(error), pointer=_POINTER, code="callback_url_forbidden") from error
    except httpx2.ConnectError:
        return


def _check(status: int, headers: httpx2.Headers) -> None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status == HTTPStatus.GONE:
        raise ReceiverGone("the receiver answered 410")
    asked = parse_retry_after(headers.get("retry-after", "")) if status in _WAIT_STATUSES else None
    after = None if asked is None else timedelta(seconds=min(asked, _MAX_RETRY_AFTER))
    raise DeliveryFailed(f"the receiver answered {status}", after)
