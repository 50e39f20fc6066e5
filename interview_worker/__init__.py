"""The public API for provider plugins: protocols, records and errors.

A plugin provides a class that implements `SpeechProvider`, `LanguageProvider` or
`CalendarProvider`, and a factory that takes a `Context`, registered as an entry point. See
docs/how-to/add-a-provider.md.
"""

from tasks.analysis.findings import (
    CompetencyFinding,
    CompetencyFindings,
    ModelCall,
    Quote,
    SegmentSentiment,
    SentimentFinding,
    SummaryFinding,
)
from tasks.analysis.rubric import Anchor, Competency, Rubric
from tasks.errors import (
    CalendarUnreadable,
    CircuitOpen,
    InterviewWorkerError,
    InvalidInput,
    MissingExtra,
    Permanent,
    Transient,
    Unusable,
)
from tasks.interviews.interview import Audio, AudioQuality, Channels
from tasks.interviews.people import Interval, Person, WorkingHours
from tasks.interviews.transcript import Segment, Speaker, Transcript, Word
from tasks.ports import CalendarProvider, LanguageProvider, Meeting, Progress, SpeechProvider
from worker.adapters.http.calls import Call, instrumented_call
from worker.adapters.providers import Bill, Charge, CircuitBreaker, Context, Usage
from worker.environment import ProviderSettings

__all__ = [
    "Anchor",
    "Audio",
    "AudioQuality",
    "Bill",
    "CalendarProvider",
    "CalendarUnreadable",
    "Call",
    "Channels",
    "Charge",
    "CircuitBreaker",
    "CircuitOpen",
    "Competency",
    "CompetencyFinding",
    "CompetencyFindings",
    "Context",
    "Interval",
    "InterviewWorkerError",
    "InvalidInput",
    "LanguageProvider",
    "Meeting",
    "MissingExtra",
    "ModelCall",
    "Permanent",
    "Person",
    "Progress",
    "ProviderSettings",
    "Quote",
    "Rubric",
    "Segment",
    "SegmentSentiment",
    "SentimentFinding",
    "Speaker",
    "SpeechProvider",
    "SummaryFinding",
    "Transcript",
    "Transient",
    "Unusable",
    "Usage",
    "Word",
    "WorkingHours",
    "instrumented_call",
]
