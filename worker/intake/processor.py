"""Processing of stored requests: each becomes an interview or is rejected."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

from tasks.clock import now
from tasks.errors import STALE, AlreadyExists, Permanent, Transient
from tasks.interviews.events import Event, EventType, event_id
from tasks.lease import renewing
from tasks.pipeline.backoff import delay
from worker.intake.service import Intake
from worker.ports import Downloader, DownloadFailed, PendingRequest, RequestStore

log = logging.getLogger(__name__)

_ATTEMPTS = 10
"""Maximum attempts. With a back-off of 2 seconds the last one is made after about 15 minutes."""


@dataclass(frozen=True, slots=True)
class RequestProcessor:
    """Turns requests into interviews.

    Attributes:
        requests: The store of pending requests.
        intake: Accepts the interviews.
        download: Downloads a recording.
        lease: How long an attempt holds a request unless it renews the lease.
        backoff: Maximum delay before the second attempt, in seconds.
    """

    requests: RequestStore
    intake: Intake
    download: Downloader
    lease: timedelta
    backoff: float

    def process(self, request_id: str) -> None:
        """Download the recording of a request, and accept the interview.

        After a transient failure the request is scheduled for another attempt. After a permanent
        one it is rejected, and a failure event is recorded.

        Raises:
            Permanent: The request was rejected.
        """
        run, moment = uuid4().hex, now()
        try:
            request = self.requests.begin(request_id, run, moment, moment + self.lease)
            with self._settling(request, run):
                self._accept(request)
        except STALE as error:
            log.info("request %s is stale: %s", request_id, error.message)
        except Transient as error:
            # The database is unavailable: another attempt takes over when the lease expires.
            log.warning("request %s is left to the reconciler: %s", request_id, error.message)

    @contextmanager
    def _settling(self, request: PendingRequest, run: str) -> Iterator[None]:
        """Renew the lease in the context; then remove, postpone or reject the request."""
        try:
            with renewing(partial(self._renew, request.id, run), self.lease):
                yield
            self.requests.remove(request.id)
        except AlreadyExists:
            log.info("interview %s already exists: the request is a duplicate", request.id)
            self.requests.remove(request.id)
        except (DownloadFailed, Transient) as error:
            if request.attempts >= _ATTEMPTS:
                self._refuse(request, run, error.code)
                raise Permanent(error.message, code=error.code) from error
            due = now() + delay(self.backoff, request.attempts, error.retry_after)
            self.requests.postpone(request.id, run, due)
            log.info("request %s will be retried: %s", request.id, error.message)
        except STALE:
            raise
        except Permanent as error:
            self._refuse(request, run, error.code)
            raise
        except Exception:
            self._refuse(request, run, "internal_error")
            raise

    def _accept(self, request: PendingRequest) -> None:
        if request.attempts > _ATTEMPTS:
            # The earlier attempts crashed their process.
            raise Permanent("the request failed too many times", code="poison")
        with self.download(request.body.audio_url, **self.intake.download_limits) as (
            recording,
            name,
        ):
            self.intake.accept(
                request.body.submission,
                recording,
                name=name,
                source=request.source,
                interview_id=request.id,
            )

    def _renew(self, request_id: str, run: str) -> None:
        self.requests.renew(request_id, run, now() + self.lease)

    def _refuse(self, request: PendingRequest, run: str, code: str) -> None:
        event = Event(
            id=event_id(request.id, EventType.FAILED, 0),
            type=EventType.FAILED,
            interview_id=request.id,
            at=now(),
            facts={"type": request.body.type, "stage": None, "error": code},
        )
        self.requests.refuse(request.id, run, event)
        log.warning("request %s is rejected: %s", request.id, code)
