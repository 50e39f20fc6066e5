"""Recording rules.

Quantiles are named after their histograms, with a label `quantile` as in a summary, so that queries
written for summaries work; the dashboards use the same names.
"""

from monitoring import metrics
from monitoring.metrics.definitions import Histogram
from monitoring.stack.prometheus.expressions import highest, quantile, rate
from monitoring.stack.prometheus.rules import Group, Recording
from monitoring.stack.promql import API
from monitoring.stack.thresholds import FRESH_SECONDS

_QUANTILES = (0.5, 0.95, 0.99)

_SUMMARISED: tuple[tuple[Histogram, tuple[str, ...]], ...] = (
    (metrics.HTTP_DURATION, ("path", "method")),
    (metrics.INTERVIEW_DURATION, ()),
    (metrics.TRANSCRIPTION_DURATION, ("provider",)),
    (metrics.TRANSCRIPTION_CONFIDENCE, ("provider",)),
    (metrics.ANALYSIS_DURATION, ("type", "provider")),
    (metrics.ANALYSIS_CONFIDENCE, ("type",)),
    (metrics.SCHEDULING_DURATION, ()),
    (metrics.EXTERNAL_DURATION, ("service",)),
)

HTTP_RATE = "job:http_requests:rate5m"
HTTP_ERROR_RATE = "job:http_errors:rate5m"
EXTERNAL_RATE = "job_service:external_api_requests:rate5m"
EXTERNAL_ERROR_RATE = "job_service:external_api_errors:rate5m"

EVENTS_STALE = "job:interview_events_stale:bool"

GROUPS = (
    Group(
        "interview-worker-freshness",
        (
            Recording(
                EVENTS_STALE,
                f"{highest(metrics.EVENTS_OLDEST_AGE)} > bool {FRESH_SECONDS:g}",
            ),
        ),
    ),
    Group(
        "interview-worker-rates",
        (
            # Scrapes and probes succeed while everything else fails, and would hide the failures.
            Recording(HTTP_RATE, rate(metrics.HTTP_REQUESTS, "5m", path=API)),
            # Without errors there is no series, so fall back to 0 if there are any requests at all.
            Recording(
                HTTP_ERROR_RATE,
                f"{rate(metrics.HTTP_REQUESTS, '5m', path=API, status='5..')} or 0 * {HTTP_RATE}",
            ),
            Recording(EXTERNAL_RATE, rate(metrics.EXTERNAL_REQUESTS, "5m", "service")),
            Recording(
                EXTERNAL_ERROR_RATE,
                f"{rate(metrics.EXTERNAL_ERRORS, '5m', 'service')} or 0 * {EXTERNAL_RATE}",
            ),
        ),
    ),
    Group(
        "interview-worker-quantiles",
        tuple(
            Recording(histogram.name, quantile(q, histogram, "5m", *by), {"quantile": f"{q:g}"})
            for histogram, by in _SUMMARISED
            for q in _QUANTILES
        ),
    ),
)
