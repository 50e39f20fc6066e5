"""Requests by message: what Kafka and Celery producers send, kept until it is done."""

from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError

from tasks.clock import now
from tasks.errors import InvalidInput, NotFound
from tasks.interviews.interview import Source
from tasks.ports import InterviewStore
from worker.ports import PendingRequest, RequestStore, UrlSubmission


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
        interviews.tenant_of(request_id)
    except NotFound:
        requests.add(
            PendingRequest(
                id=request_id, body=wanted, source=source, received_at=moment, message_at=moment
            )
        )
    return request_id
