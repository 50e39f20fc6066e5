"""Everything that can go wrong, in one tree.

An adapter decides which class a failure belongs to, since only it knows what its outside system
means by an error; the pipeline decides what follows: a `Transient` error is tried again, a
`Permanent` one fails the interview at once.
"""


class InterviewWorkerError(Exception):
    """The base of every error this project raises.

    Attributes:
        code: A stable, machine-readable name of the fault, as seen in stage records, events and
            problem documents.
        message: One sentence for a person.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        # Celery pickles exceptions between pool processes: keyword arguments need help there.
        return _rebuild, (type(self), self.message, dict(self.__dict__))


def _rebuild(
    cls: type[InterviewWorkerError], message: str, state: dict[str, object]
) -> InterviewWorkerError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class Transient(InterviewWorkerError):
    """A fault that may pass by itself: an unreachable server, a time-out, a full queue.

    Attributes:
        retry_after: Seconds for which a server asks to be left alone; None if it does not say.
    """

    code = "unavailable"

    def __init__(
        self, message: str, *, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class CircuitOpen(Transient):
    """A service failed so often that it is left alone for a while."""

    code = "circuit_open"


class Permanent(InterviewWorkerError):
    """A fault that trying again cannot mend."""

    code = "failed"


class Unusable(Permanent):
    """A provider cannot do what it is asked for, but another one may.

    It does not let us in, we have spent our quota, it does not know the model, or its answers are
    of no use. What is wrong with the question itself is a plain `Permanent`.
    """

    code = "provider_unusable"


class InvalidInput(Permanent):
    """What was asked for cannot be done as asked.

    Attributes:
        pointer: JSON pointer (RFC 6901) of the field at fault, such as `/candidate/email`.
    """

    code = "invalid"

    def __init__(self, message: str, *, pointer: str = "", code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.pointer = pointer


class InvalidAudio(InvalidInput):
    """The recording cannot be used: not audio, empty, truncated, too long, …."""

    code = "invalid_audio"

    def __init__(self, message: str, *, pointer: str = "/audio", code: str | None = None) -> None:
        super().__init__(message, pointer=pointer, code=code)


class MissingExtra(Permanent):
    """A provider is configured whose optional packages are not installed."""

    code = "missing_extra"


class NotFound(Permanent):
    """There is no such interview."""

    code = "not_found"


class Erased(NotFound):
    """The interview was erased on request; only its tombstone is left."""

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
    """This run no longer owns the stage: it was cancelled, erased or taken over by another run."""

    code = "superseded"


STALE = (NotFound, IllegalTransition, Superseded)
"""What tells a stage that its interview was called off, erased, or taken over by another run."""
