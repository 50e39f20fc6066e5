"""Requests by message: what Kafka and Celery producers send, kept until it is done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Protocol
from uuid import NAMESPACE_URL, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tasks.clock import now
from tasks.errors import InvalidInput, NotFound
from tasks.interviews.events import Event
from tasks.interviews.interview import Source, Submission
from tasks.ports import InterviewStore, Outbox


class UrlSubmission(Submission):
    """A submission whose recording is to be fetched."""

    audio_url: Annotated[str, Field(min_length=1, max_length=2000)]

    @property
    def submission(self) -> Submission:
        """The submission without the URL."""
        return Submission.model_validate(dict(self), from_attributes=True, extra="ignore")


def parse_request(payload: object) -> UrlSubmission:
    """Check a request.

    Raises:
        InvalidInput: A field is wrong; the pointer names it.
    """
    try:
        return UrlSubmission.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        raise InvalidInput(first["msg"], pointer=pointer) from None


def interview_id_of(message_id: str) -> str:
    """The interview's id that belongs to a message, however often the message comes.

    A version 5 UUID (RFC 9562) of the message's id.
    """
    return str(uuid5(NAMESPACE_URL, f"urn:interview-worker:request:{message_id}"))


class PendingRequest(BaseModel):
    """A request whose recording has still to be fetched.

    The moments mean what they mean in `Interview`.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    """The id of the interview that it will be."""
    body: UrlSubmission
    source: Source
    attempts: int = 0
    received_at: AwareDatetime
    message_at: AwareDatetime
    lease_until: AwareDatetime | None = None
    next_attempt_at: AwareDatetime | None = None


class RequestStore(Outbox, Protocol):
    """Where requests wait; every method may raise `Transient`."""

    def add(self, request: PendingRequest) -> None:
        """Keep a request; where there is or was one of its id, nothing changes."""

    def begin(self, request_id: str, run: str, now: datetime, until: datetime) -> PendingRequest:
        """Take a request for a run, and count the attempt.

        Raises:
            NotFound: It is done or refused, or never was.
            Superseded: Another run has it.
        """

    def renew(self, request_id: str, run: str, until: datetime) -> None:
        """Keep a request for longer.

        Raises:
            Superseded: Another run has it by now.
        """

    def postpone(self, request_id: str, run: str, due: datetime) -> None:
        """Give a request back, to be tried again. Raises as `renew` does."""

    def refuse(self, request_id: str, run: str, event: Event) -> None:
        """Forget what was asked, and record why it was refused. Raises as `renew` does."""

    def remove(self, request_id: str) -> None:
        """Forget a request of which there is an interview."""

    def stuck(self, now: datetime, limit: int) -> Sequence[PendingRequest]:
        """Requests of which a lease has lapsed, or the next attempt is due."""

    def unheard(self, before: datetime, limit: int) -> Sequence[PendingRequest]:
        """Requests that wait, and whose message was published before a moment."""

    def dispatched(self, request: PendingRequest, now: datetime) -> bool:
        """Note that a new message is published; False where anything has happened meanwhile."""


def receive(
    requests: RequestStore,
    interviews: InterviewStore,
    payload: object,
    message_id: str,
    source: Source,
) -> str:
    """Keep a request, so that nothing depends on its message any more.

    Args:
        requests: Where it is kept.
        interviews: Where it may have come before.
        payload: What the producer sent.
        message_id: The message's own id; the same one again is the same request.
        source: The producer.

    Returns:
        The id of the interview that it will be.

    Raises:
        InvalidInput: It cannot be used.
    """
    wanted = parse_request(payload)
    request_id, moment = interview_id_of(message_id), now()
    try:
        interviews.owner(request_id)
    except NotFound:
        requests.add(
            PendingRequest(
                id=request_id, body=wanted, source=source, received_at=moment, message_at=moment
            )
        )
    return request_id
