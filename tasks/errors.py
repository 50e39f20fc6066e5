"""The tree of all errors.

An adapter chooses the class of a failure, because only it can interpret its service's errors. The
pipeline retries a `Transient` error; a `Permanent` one fails the interview at once.
"""

from typing import Self


class InterviewWorkerError(Exception):
    """The base class of every error this project raises.

    Attributes:
        code: A stable, machine-readable name, used in stage records, events and problem documents.
        message: One sentence for users.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        # Celery pickles exceptions between pool processes: keyword arguments would be lost.
        return _rebuild, (type(self), self.message, dict(self.__dict__))


def _rebuild(
    cls: type[InterviewWorkerError], message: str, state: dict[str, object]
) -> InterviewWorkerError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class Transient(InterviewWorkerError):
    """A failure that may be temporary: an unreachable server, a time-out, a full queue.

    Attributes:
        retry_after: Seconds that the server asked to wait (as in Retry-After); else None.
    """

    code = "unavailable"

    def __init__(
        self, message: str, *, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class CircuitOpen(Transient):
    """Calls to a service are suspended after repeated failures."""

    code = "circuit_open"


class Permanent(InterviewWorkerError):
    """A failure that a retry cannot fix."""

    code = "failed"


class Unusable(Permanent):
    """A provider cannot serve any such request, but another provider may.

    Its credentials are rejected, its quota is exhausted, its model is unknown, or its answers are
    invalid. If the request itself is at fault, it is a plain `Permanent`.
    """

    code = "provider_unusable"


class InvalidInput(Permanent):
    """The request is invalid.

    Attributes:
        pointer: JSON pointer (RFC 6901) of the invalid field, such as `/candidate/email`.
    """

    code = "invalid"

    def __init__(self, message: str, *, pointer: str = "", code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.pointer = pointer


class InvalidAudio(InvalidInput):
    """The recording cannot be used: not audio, empty, truncated or too long."""

    code = "invalid_audio"

    def __init__(self, message: str, *, pointer: str = "/audio", code: str | None = None) -> None:
        super().__init__(message, pointer=pointer, code=code)


class MissingExtra(Permanent):
    """The optional packages of a configured provider are not installed."""

    code = "missing_extra"

    @classmethod
    def of(cls, what: str, extra: str) -> Self:
        """Create the error, with a message that explains how to install an extra.

        Args:
            what: The feature that needs the packages.
            extra: The extra of `interview-worker` that installs them.
        """
        return cls(f"{what} needs more packages: pip install 'interview-worker[{extra}]'")


class NotFound(Permanent):
    """The interview does not exist."""

    code = "not_found"


class Erased(NotFound):
    """The interview was erased on request; only its tombstone remains."""

    code = "erased"


class AlreadyExists(Permanent):
    """An interview with this id is stored already."""

    code = "already_exists"


class IllegalTransition(Permanent):
    """The interview is not in a status that allows this change."""

    code = "illegal_transition"


class CalendarUnreadable(Permanent):
    """A calendar cannot be read, so whether its owner is free is unknown."""

    code = "calendar_unreadable"


class Superseded(Permanent):
    """The run no longer owns the stage: the interview was cancelled, erased or taken over."""

    code = "superseded"


STALE = (NotFound, IllegalTransition, Superseded)
"""Raised if a stage's interview was cancelled, erased, or taken over by another run."""
