"""Ports: the protocols through which the use cases reach adapters, and the records they exchange.

The records are defined here so that adapters do not import use cases.
"""

from collections.abc import Mapping, Sequence
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


class Lease(Protocol):
    """Exclusive ownership of a duty, for as long as it is renewed.

    Every method may raise `Transient`; whether the lease was changed is then unknown.
    """

    def acquire(self, seconds: float) -> bool:
        """Take the lease if it has no owner, or its owner has stopped renewing it.

        Args:
            seconds: The time after the call, and after each renewal, for which no other process
                can take it.

        Returns:
            Whether this process owns it now.
        """

    def renew(self) -> bool:
        """Renew the lease; False if this process does not own it any more."""

    def release(self) -> None:
        """Give the lease up, so that another process can take it at once.

        Does nothing if this process does not own it.
        """


class Dispatcher(Protocol):
    """Publishes the messages of interviews."""

    def dispatch(self, interview_id: str, first: Stage, priority: Priority) -> None:
        """Publish the chain of stages, from `first` to the last."""


class RequestDispatcher(Protocol):
    """Publishes the messages of requests."""

    def fetch(self, request_id: str) -> None:
        """Publish a message that makes a worker download the recording of a request."""


class UrlSubmission(Submission):
    """A submission whose recording is downloaded from a URL."""

    audio_url: Annotated[str, Field(min_length=1, max_length=2000)]

    @property
    def submission(self) -> Submission:
        """The submission without the URL."""
        return Submission.model_validate(dict(self), from_attributes=True, extra="ignore")


class PendingRequest(BaseModel):
    """A request whose recording has not been downloaded yet.

    The timestamps have the same meaning as in `Interview`.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    """The id of the future interview."""
    body: UrlSubmission
    source: Source
    attempts: int = 0
    received_at: AwareDatetime
    message_at: AwareDatetime
    lease_until: AwareDatetime | None = None
    next_attempt_at: AwareDatetime | None = None


class RequestStore(Outbox, Protocol):
    """The store of pending requests. Every method may raise `Transient`."""

    def add(self, request: PendingRequest) -> None:
        """Store a request; does nothing if a request with this id exists or existed."""

    def begin(self, request_id: str, run: str, now: datetime, until: datetime) -> PendingRequest:
        """Lease a request to an attempt until the given time, and count the attempt.

        Raises:
            NotFound: The request is done or rejected, or never existed.
            Superseded: Another attempt holds the lease.
        """

    def renew(self, request_id: str, run: str, until: datetime) -> None:
        """Extend the lease of a request.

        Raises:
            Superseded: Another attempt holds the lease by now.
        """

    def postpone(self, request_id: str, run: str, due: datetime) -> None:
        """Release a request and schedule its next attempt. Raises the same errors as `renew`."""

    def refuse(self, request_id: str, run: str, event: Event) -> None:
        """Delete a request's body, and record the event of its rejection.

        Raises the same errors as `renew`.
        """

    def remove(self, request_id: str) -> None:
        """Delete a request that has become an interview."""

    def find_due(self, now: datetime, limit: int) -> Sequence[PendingRequest]:
        """Find requests whose lease has expired or whose next attempt is due."""

    def find_lost_messages(self, before: datetime, limit: int) -> Sequence[PendingRequest]:
        """Find queued requests whose message was published before the given time."""

    def dispatched(self, request: PendingRequest, now: datetime) -> bool:
        """Record the publication of a new message; False if the request changed meanwhile."""


@dataclass(frozen=True, slots=True)
class IdempotencyEntry:
    """The record of an idempotency key. It contains no personal data.

    Attributes:
        id: A hash of the tenant and the key.
        fingerprint: A hash of the request's content.
        interview_id: The id of the interview, the same for every attempt.
        until: When an attempt in progress counts as abandoned; None once the request is done.
        expires_at: When the entry expires.
        version: Changes with every update, for optimistic locking.
    """

    id: str
    fingerprint: str
    interview_id: str
    until: datetime | None
    expires_at: datetime
    version: str = field(default_factory=lambda: uuid4().hex)


class IdempotencyStore(Protocol):
    """The store of idempotency entries. Every method may raise `Transient`."""

    def get(self, entry_id: str) -> IdempotencyEntry | None:
        """Read an entry. An expired entry may or may not be returned."""

    def put(self, entry: IdempotencyEntry, *, instead_of: IdempotencyEntry | None) -> bool:
        """Store an entry atomically (compare and swap).

        Args:
            entry: The entry.
            instead_of: The version to replace; None if no entry may exist.

        Returns:
            Whether the entry was stored; False if a concurrent update came first.
        """

    def remove(self, entry: IdempotencyEntry) -> None:
        """Delete this version of an entry; does nothing if the version differs or is missing."""


Tenant = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Scope(StrEnum):
    """The scopes of API keys."""

    WRITE = "interviews:write"
    READ = "interviews:read"
    ERASE = "interviews:erase"
    ADMIN = "admin"


class Key(BaseModel):
    """An API key as it is stored, without its secret."""

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
    """The store of API keys. Every method may raise `Transient`."""

    def add(self, key: Key) -> None:
        """Store a new key."""

    def get(self, key_id: str) -> Key | None:
        """Get a key by its id; None if there is none."""

    def all(self) -> Sequence[Key]:
        """All keys, oldest first, including expired and revoked ones."""

    def revoke(self, key_id: str, moment: datetime) -> None:
        """Revoke a key; a key that is already revoked is not changed.

        Raises:
            NotFound: There is no key with this id.
        """


class Action(StrEnum):
    """The audited actions."""

    TRANSCRIPT_READ = "transcript.read"
    ANALYSIS_READ = "analysis.read"
    FEEDBACK_READ = "feedback.read"
    INVITATION_READ = "invitation.read"
    REVIEW = "review"
    FEEDBACK = "feedback"
    ERASE = "erase"
    KEY_CREATE = "key.create"
    KEY_REVOKE = "key.revoke"
    LOG_LEVEL = "log_level.change"


class Actor(BaseModel):
    """The actor of an audited action."""

    model_config = ConfigDict(frozen=True)

    who: str
    """The id of a key, `open access`, `command line` or `retention`."""
    tenant: str


class Entry(Actor):
    """One audit entry. It contains ids, but no personal data of candidates."""

    id: str
    """Ids sort in the order of time."""
    at: AwareDatetime
    action: Action
    interview_id: str | None = None
    detail: str | None = None
    """The format of a transcript, or the id of a created or revoked key."""


@dataclass(frozen=True, slots=True)
class TrailQuery:
    """A query of the audit trail.

    Attributes:
        tenant: The tenant.
        interview_id: Only entries of this interview; None for all.
        after: The id of the last entry of the previous page.
        limit: Maximum number of entries to return.
    """

    tenant: str
    interview_id: str | None = None
    after: str | None = None
    limit: int = 50


class AuditTrail(Protocol):
    """The store of audit entries. Every method may raise `Transient` or `Permanent`."""

    def append(self, entry: Entry) -> None:
        """Store an entry durably."""

    def find(self, query: TrailQuery) -> Sequence[Entry]:
        """List entries, newest first."""


@dataclass(frozen=True, slots=True)
class UnackedMessage:
    """An unacknowledged message of a stage, held by a worker that may be dead.

    Attributes:
        tag: Kombu's delivery tag.
        interview_id: The interview of the message.
        published_at: The time of its publication, by the publisher's clock.
    """

    tag: str
    interview_id: str
    published_at: datetime


class DownloadFailed(InvalidInput):
    """A download failed, but may succeed later.

    Attributes:
        retry_after: Seconds to wait, as requested by the server; None if unspecified.
    """

    def __init__(self, message: str, code: str, retry_after: float | None = None) -> None:
        super().__init__(message, pointer="/audio_url", code=code)
        self.retry_after = retry_after


class DownloadLimits(TypedDict):
    """The limits on downloads from an `audio_url`."""

    max_bytes: int
    """Maximum size of a recording."""
    timeout: float
    """Seconds for the whole download."""
    allow_private: bool
    """Whether private addresses are allowed."""


class UnackedMessages(Protocol):
    """Unacknowledged messages of stages, for a broker that does not detect dead workers."""

    def taken_before(self, moment: datetime) -> Sequence[UnackedMessage]:
        """Messages delivered before the given time and still unacknowledged.

        Raises:
            Transient: The broker is unavailable.
        """

    def drop(self, message: UnackedMessage) -> None:
        """Acknowledge a message on behalf of the worker that held it.

        Raises:
            Transient: The broker is unavailable.
        """


@dataclass(frozen=True, slots=True)
class HeldByWorkers:
    """What the workers that answered hold.

    Attributes:
        consumers: How many of them consume a queue, by its name.
        ids: The queue of each message that they hold, and the interview or request that it is for;
            empty if it is for neither.
    """

    consumers: Mapping[str, int]
    ids: Sequence[tuple[str, str]]


class HeldMessages(Protocol):
    """What workers hold, for a broker that does not list unacknowledged messages."""

    def ask(self) -> HeldByWorkers:
        """Ask all workers; takes about a second.

        Raises:
            Transient: The broker is unavailable.
        """


class AudioProbe(Protocol):
    """Examines recordings."""

    def __call__(self, path: Path, *, name: str, max_duration: float) -> Audio:
        """Examine a recording.

        Raises:
            InvalidAudio: The recording is invalid.
        """


class CallbackUrlCheck(Protocol):
    """Rejects callback URLs that point into the internal network."""

    def __call__(self, url: str, *, allow_private: bool) -> None:
        """Check a URL.

        Raises:
            InvalidInput: The URL is not allowed.
        """


class Downloader(Protocol):
    """Downloads recordings."""

    def __call__(
        self, url: str, *, max_bytes: int, timeout: float, allow_private: bool
    ) -> AbstractContextManager[tuple[Path, str]]:
        """Download a recording to a temporary file, which is deleted when the context exits.

        Returns:
            A context manager that yields the path of the file and the name of the recording.

        Raises:
            DownloadFailed: The download failed and may succeed later.
            InvalidInput: The URL is invalid or not allowed.
        """
