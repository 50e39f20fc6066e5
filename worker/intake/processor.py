"""From a request to an interview, or to a refusal."""

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
"""With a back-off of 2 seconds, the last one is made after about a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class RequestProcessor:
    """Turns requests into interviews.

    Attributes:
        requests: Where they wait.
        intake: The door for new interviews.
        download: Fetches a recording.
        lease: How long a run has a request to itself, if it does not ask for more.
        backoff: Seconds before the second attempt, at most.
    """

    requests: RequestStore
    intake: Intake
    download: Downloader
    lease: timedelta
    backoff: float

    def process(self, request_id: str) -> None:
        """Fetch the recording of a request, and take the interview in.

        Where that may succeed later, the request waits for its next attempt; where it cannot, it
        is refused, and an event tells so.

        Raises:
            Permanent: It was refused.
        """
        run, moment = uuid4().hex, now()
        try:
            request = self.requests.begin(request_id, run, moment, moment + self.lease)
            with self._settling(request, run):
                self._accept(request)
        except STALE as error:
            log.info("request %s is not wanted: %s", request_id, error.message)
        except Transient as error:
            # The database is away: another run takes over when the lease has lapsed.
            log.warning("request %s is left to the reconciler: %s", request_id, error.message)

    @contextmanager
    def _settling(self, request: PendingRequest, run: str) -> Iterator[None]:
        """Keep the request from others, and settle it according to how the context ends."""
        try:
            with renewing(partial(self._renew, request.id, run), self.lease):
                yield
            self.requests.remove(request.id)
        except AlreadyExists:
            log.info("the request of interview %s came again", request.id)
            self.requests.remove(request.id)
        except (DownloadFailed, Transient) as error:
            if request.attempts >= _ATTEMPTS:
                self._refuse(request, run, error.code)
                raise Permanent(error.message, code=error.code) from error
            due = now() + delay(self.backoff, request.attempts, error.retry_after)
            self.requests.postpone(request.id, run, due)
            log.info("request %s is tried again: %s", request.id, error.message)
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
            # Those before it took their process with them.
            raise Permanent("the request was given up after too many attempts", code="poison")
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
        log.warning("request %s is refused: %s", request.id, code)
