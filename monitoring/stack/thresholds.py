"""From where on something is wrong: what alerts compare with, and what panels draw.

Rules, tests and dashboards take their numbers from here, so that a line in a panel is where its
alert fires.
"""

from dataclasses import dataclass
from enum import StrEnum

MiB = 1 << 20


class Severity(StrEnum):
    """How urgent an alert is."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that an alert compares with.

    Attributes:
        alert: The name of the alert, and of its runbook.
        value: The alert fires beyond it, in the unit of what it compares.
        severity: The alert's.
        below: Whether it fires below the value, rather than above it.
    """

    alert: str
    value: float
    severity: Severity
    below: bool = False


DOWN = Threshold("InterviewWorkerDown", 1, Severity.CRITICAL, below=True)
DATABASE_DOWN = Threshold("InterviewWorkerDatabaseDown", 1, Severity.CRITICAL, below=True)
BROKER_DOWN = Threshold("InterviewWorkerBrokerDown", 1, Severity.CRITICAL, below=True)
CRITICAL_ERROR_RATE = Threshold("InterviewWorkerCriticalErrorRate", 0.25, Severity.CRITICAL)
HIGH_LATENCY = Threshold("InterviewWorkerHighLatency", 5, Severity.WARNING)
HIGH_MEMORY = Threshold("InterviewWorkerHighMemoryUsage", 900 * MiB, Severity.WARNING)
AI_SERVICE_DOWN = Threshold("InterviewWorkerAIServiceDown", 0.5, Severity.WARNING)
SLOW_PROCESSING = Threshold("InterviewWorkerSlowProcessing", 60, Severity.INFO)
OLDEST_MESSAGE = Threshold("InterviewWorkerOldestMessageTooOld", 900, Severity.WARNING)
CONSUMER_LAG = Threshold("InterviewWorkerConsumerLag", 1000, Severity.WARNING)
CIRCUIT_OPEN = Threshold("InterviewWorkerCircuitOpen", 1, Severity.WARNING)

AVAILABILITY = Threshold(
    "InterviewWorkerAvailabilityBudgetBurn", 0.999, Severity.CRITICAL, below=True
)
"""The share of requests that are to be answered without a fault of ours."""
LATENCY_SECONDS = 0.5
"""The time within which they are to be answered; a bound of the histogram's buckets."""
CRITICAL_ERRORS = 0.01
"""The share of critical operations that may fail."""
FRESH_SECONDS = 300
"""The time within which analytics are to learn of an event."""
