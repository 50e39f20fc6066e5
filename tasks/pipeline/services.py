"""The adapters of this process, handed to the stages by whoever runs them."""

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
    """All that the stages work with.

    Attributes:
        max_attempts: How often a stage is tried before its interview fails.
        backoff: Seconds before the second attempt; doubled for each further one.
        consent_required: Whether only interviews with a consent record are analysed.
        masker: Hides people from the language provider; None where nobody is hidden.
        lease: How long a run has an interview to itself, if it does not ask for more.
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
    """Hand this process its services; None takes them back."""
    global _provided
    _provided = services


def current() -> Services:
    """The services of this process."""
    if _provided is None:
        raise RuntimeError("no services were provided to this process")
    return _provided
