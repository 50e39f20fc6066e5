"""What the use cases need from the outside, as protocols that adapters and fakes fulfil.

The records that they exchange are here as well, so that an adapter knows no use case.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol, TypedDict
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.errors import InvalidInput
from tasks.interviews.events import Event
from tasks.interviews.interview import Audio, Priority, Source, Stage, Submission
from tasks.ports import Outbox


class Leadership(Protocol):
    """Lets one of several processes do something."""

    def acquire(self, seconds: float) -> bool:
        """Become or stay the leader for so long; False where another one is."""


class Dispatcher(Protocol):
    """Sends interviews on their way."""

    def dispatch(self, interview_id: str, first: Stage, priority: Priority) -> None:
        """Publish the chain of stages, from `first` to the last."""


class RequestDispatcher(Protocol):
    """Sends requests on their way."""

    def fetch(self, request_id: str) -> None:
        """Have a worker fetch the recording of a request."""


class UrlSubmission(Submission):
    """A submission whose recording is to be fetched."""

    audio_url: Annotated[str, Field(min_length=1, max_length=2000)]

    @property
    def submission(self) -> Submission:
        """The submission without the URL."""
        return Submission.model_validate(dict(self), from_attributes=True, extra="ignore")


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

    def find_due(self, now: datetime, limit: int) -> Sequence[PendingRequest]:
        """Requests of which a lease has lapsed, or the next attempt is due."""

    def find_lost_messages(self, before: datetime, limit: int) -> Sequence[PendingRequest]:
        """Requests that wait, and whose message was published before a moment."""

    def dispatched(self, request: PendingRequest, now: datetime) -> bool:
        """Note that a new message is published; False where anything has happened meanwhile."""


@dataclass(frozen=True, slots=True)
class IdempotencyEntry:
    """What is kept of a request. It holds nothing about anybody.

    Attributes:
        id: A hash of the tenant and the key.
        fingerprint: A hash of what the request asks for.
        interview_id: The interview that comes of it, whoever carries it out at last.
        until: While it is carried out, when that is given up for dead; None once it is answered.
        expires_at: When the entry counts no more.
        version: Another one each time that the entry is changed.
    """

    id: str
    fingerprint: str
    interview_id: str
    until: datetime | None
    expires_at: datetime
    version: str = field(default_factory=lambda: uuid4().hex)


class IdempotencyStore(Protocol):
    """Where entries are kept. Every method may raise `Transient`."""

    def get(self, entry_id: str) -> IdempotencyEntry | None:
        """Read an entry; one that has expired may be there still, or not."""

    def put(self, entry: IdempotencyEntry, *, instead_of: IdempotencyEntry | None) -> bool:
        """Keep an entry, in one atomic step.

        Args:
            entry: The entry.
            instead_of: The version that it takes the place of; None where there should be none.

        Returns:
            Whether it is kept; False where another one was faster.
        """

    def remove(self, entry: IdempotencyEntry) -> None:
        """Forget this version of an entry; where there is another one, or none, nothing changes."""


Tenant = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Scope(StrEnum):
    """What a key may be for."""

    WRITE = "interviews:write"
    READ = "interviews:read"
    ERASE = "interviews:erase"
    ADMIN = "admin"


class Key(BaseModel):
    """A key as it is kept: all of it but the secret."""

    model_config = ConfigDict(frozen=True)

    id: str
    digest: str = Field(repr=False)
    """SHA-256 of the secret, in hexadecimal. A random secret of 256 bits needs no slower hash."""
    name: str = Field(min_length=1, max_length=100)
    tenant: Tenant
    scopes: frozenset[Scope] = Field(min_length=1)
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None

    def is_valid(self, moment: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or moment < self.expires_at)


class KeyStore(Protocol):
    """Where keys are kept. Every method may raise `Transient`."""

    def add(self, key: Key) -> None:
        """Keep a new key."""

    def get(self, key_id: str) -> Key | None:
        """The key of an id."""

    def all(self) -> Sequence[Key]:
        """Every key there is, oldest first, those that are no longer valid too."""

    def revoke(self, key_id: str, moment: datetime) -> None:
        """Let a key be valid no more; one that was revoked before stays as it is.

        Raises:
            NotFound: There is no key of this id.
        """


class Action(StrEnum):
    """What is put on record."""

    TRANSCRIPT_READ = "transcript.read"
    ANALYSIS_READ = "analysis.read"
    FEEDBACK_READ = "feedback.read"
    INVITATION_READ = "invitation.read"
    REVIEW = "review"
    FEEDBACK = "feedback"
    ERASE = "erase"
    KEY_CREATE = "key.create"
    KEY_REVOKE = "key.revoke"


class Actor(BaseModel):
    """Who acts, and for which tenant."""

    model_config = ConfigDict(frozen=True)

    who: str
    """The id of a key, `open access`, `command line` or `retention`."""
    tenant: str


class Entry(Actor):
    """One act. It holds ids, and nothing about anybody who is interviewed."""

    id: str
    """Entries are in the order of their ids."""
    at: AwareDatetime
    action: Action
    interview_id: str | None = None
    detail: str | None = None
    """The format of a transcript, or the id of the key that was made or revoked."""


@dataclass(frozen=True, slots=True)
class TrailQuery:
    """Which entries to list, newest first.

    Attributes:
        tenant: Whose.
        interview_id: Only those of this interview; None for all.
        after: The id of the last entry of the page before.
        limit: The largest number of entries to return.
    """

    tenant: str
    interview_id: str | None = None
    after: str | None = None
    limit: int = 50


class AuditTrail(Protocol):
    """Where entries are kept. Every method may raise `Transient` or `Permanent`."""

    def append(self, entry: Entry) -> None:
        """Keep an entry; when this returns it is safe."""

    def find(self, query: TrailQuery) -> Sequence[Entry]:
        """List entries, newest first."""


@dataclass(frozen=True, slots=True)
class UnackedMessage:
    """A stage's message in the hands of a worker, alive or dead.

    Attributes:
        tag: Kombu's delivery tag.
        interview_id: The interview that it is about.
        published_at: When it was published, by the clock of the publisher.
    """

    tag: str
    interview_id: str
    published_at: datetime


class DownloadFailed(InvalidInput):
    """A recording cannot be fetched now, and may be later.

    Attributes:
        retry_after: Seconds for which the server asks to be left alone; None if it does not say.
    """

    def __init__(self, message: str, code: str, retry_after: float | None = None) -> None:
        super().__init__(message, pointer="/audio_url", code=code)
        self.retry_after = retry_after


class DownloadLimits(TypedDict):
    """What an `audio_url` may ask for."""

    max_bytes: int
    """The largest recording."""
    timeout: float
    """Seconds for all of it."""
    allow_private: bool
    """Whether addresses that are not public may be reached."""


class UnackedMessages(Protocol):
    """The stages' messages that workers hold, where the broker does not notice a dead worker."""

    def taken_before(self, moment: datetime) -> Sequence[UnackedMessage]:
        """The messages that were taken before a moment and are held still.

        Raises:
            Transient: The broker does not answer.
        """

    def drop(self, message: UnackedMessage) -> None:
        """Acknowledge a message in the place of whoever held it.

        Raises:
            Transient: The broker does not answer.
        """


class AudioProbe(Protocol):
    """Examines recordings."""

    def __call__(self, path: Path, *, name: str, max_duration: float) -> Audio:
        """Examine a recording.

        Raises:
            InvalidAudio: It cannot be used.
        """


class CallbackUrlCheck(Protocol):
    """Refuses callback URLs that lead inside the network we run in."""

    def __call__(self, url: str, *, allow_private: bool) -> None:
        """Check a URL.

        Raises:
            InvalidInput: It must not be posted to.
        """


class Downloader(Protocol):
    """Fetches recordings."""

    def __call__(
        self, url: str, *, max_bytes: int, timeout: float, allow_private: bool
    ) -> AbstractContextManager[tuple[Path, str]]:
        """A temporary file with the recording, and its name, for as long as the context lasts.

        Raises:
            FetchFailed: It cannot be fetched now.
            InvalidInput: It cannot be fetched, or must not be.
        """
