"""Alert thresholds, shared by rules, tests and dashboards.

A threshold line in a panel is therefore exactly where its alert fires.
"""

from dataclasses import dataclass
from enum import StrEnum

MiB = 1 << 20


class Severity(StrEnum):
    """The severity of an alert."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold of an alert.

    Attributes:
        alert: The name of the alert, and of its runbook.
        value: The threshold, in the unit of the alert's expression.
        severity: The alert's severity.
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
"""The target share of requests without a server error."""
LATENCY_SECONDS = 0.5
"""The latency objective in seconds; equal to a bucket bound of the histogram."""
CRITICAL_ERRORS = 0.01
"""The share of critical operations that may fail."""
FRESH_SECONDS = 300
"""Seconds within which analytics must receive an event."""
