"""The adapters of this process, which the worker provides to the stages."""

from dataclasses import dataclass
from datetime import timedelta

from tasks.interviews.transitions import LEASE
from tasks.ports import (
    AudioStore,
    InterviewStore,
    Reservations,
    SpeechProvider,
)
from tasks.providers.language import LanguageProviders
from tasks.providers.masking import Masker
from tasks.scheduling.calendars import Calendars


@dataclass(frozen=True, slots=True)
class Services:
    """The dependencies of the stages.

    Attributes:
        max_attempts: Attempts at a stage before its interview fails.
        backoff: Seconds before the second attempt; doubled for each further one.
        consent_required: Whether to analyse only interviews with a consent record.
        masker: Masks personal data before it is sent to the language provider; None to disable.
        lease: The duration of a run's lease, unless renewed.
    """

    interviews: InterviewStore
    audio: AudioStore
    speech: SpeechProvider
    language: LanguageProviders
    calendars: Calendars
    reservations: Reservations
    max_attempts: int
    backoff: float
    consent_required: bool
    masker: Masker | None = None
    lease: timedelta = LEASE


_provided: Services | None = None


def provide(services: Services | None) -> None:
    """Set the services of this process; None removes them."""
    global _provided
    _provided = services


def current() -> Services:
    """The services of this process."""
    if _provided is None:
        raise RuntimeError("no services were provided to this process")
    return _provided
