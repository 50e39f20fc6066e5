"""Reception of requests from Kafka and Celery messages, which are stored until processed."""

from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError

from tasks.clock import now
from tasks.errors import InvalidInput, NotFound
from tasks.interviews.interview import Source
from tasks.ports import InterviewStore
from worker.ports import PendingRequest, RequestStore, UrlSubmission


def parse_request(payload: object) -> UrlSubmission:
    """Validate a request.

    Raises:
        InvalidInput: A field is invalid; the pointer names it.
    """
    try:
        return UrlSubmission.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        raise InvalidInput(first["msg"], pointer=pointer) from None


def interview_id_of(message_id: str) -> str:
    """The interview id of a message: a version 5 UUID (RFC 9562) of the message's id.

    It is the same each time that the message is delivered.
    """
    return str(uuid5(NAMESPACE_URL, f"urn:interview-worker:request:{message_id}"))


def receive(
    requests: RequestStore,
    interviews: InterviewStore,
    payload: object,
    message_id: str,
    source: Source,
) -> str:
    """Validate and store a request, so that its message can be acknowledged.

    Args:
        requests: The store of pending requests.
        interviews: The store of interviews, to detect a request that was already processed.
        payload: The content of the message.
        message_id: The id of the message, by which duplicates are detected.
        source: The producer.

    Returns:
        The id of the future interview.

    Raises:
        InvalidInput: The request is invalid.
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
