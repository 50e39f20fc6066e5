"""Requests by message: what Kafka and Celery producers send."""

from typing import Annotated
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field, ValidationError

from tasks.errors import InvalidInput
from tasks.interview import Submission


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
