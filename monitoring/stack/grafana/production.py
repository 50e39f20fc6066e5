"""The dashboard that is looked at first: how the service is, as a whole."""

from grafana_foundation_sdk.models import units

from monitoring import metrics
from monitoring.stack.grafana import dependencies, resources
from monitoring.stack.grafana.panel_factories import WORDS, areas, figure, lines, percentiles
from monitoring.stack.grafana.panels import Dashboard, Row
from monitoring.stack.grafana.queries import (
    UP,
    counted,
    highest,
    lowest,
    per_second,
    quantile,
    share,
    summed,
)
from monitoring.stack.prometheus.objectives import recorded
from monitoring.stack.thresholds import (
    AVAILABILITY,
    CRITICAL_ERROR_RATE,
    DOWN,
    HIGH_LATENCY,
    OLDEST_MESSAGE,
    SLOW_PROCESSING,
)

_OVERVIEW = Row(
    "Service overview",
    (
        figure(
            "Health",
            "Whether all instances answer Prometheus.",
            units.NoUnit,
            lowest(UP),
            limits=(DOWN,),
            words=WORDS,
        ),
        figure(
            "Uptime",
            "Time since the sidecar that was started last came up.",
            units.Seconds,
            f"time() - {highest(metrics.PROCESS_STARTED, role='sidecar')}",
        ),
        figure(
            "Availability",
            "Share of the requests in the time shown that were answered without a fault of ours.",
            units.PercentUnit,
            "1 - "
            + share(counted(metrics.HTTP_REQUESTS, status="5.."), counted(metrics.HTTP_REQUESTS)),
            limits=(AVAILABILITY,),
            empty="idle",
        ),
        figure(
            "Active interviews",
            "Interviews in the pipeline, waiting or worked on.",
            units.Short,
            highest(metrics.INTERVIEWS_ACTIVE),
        ),
        figure(
            "Waiting messages",
            "Messages that wait in all queues, of all priorities.",
            units.Short,
            summed(metrics.QUEUE_DEPTH),
        ),
        figure(
            "Workers",
            "Workers that are alive.",
            units.Short,
            summed(metrics.CELERY_WORKER_UP),
        ),
        lines(
            "Error rate",
            "Share of requests answered with 5xx, and of interviews that failed.",
            units.PercentUnit,
            (
                share(
                    per_second(metrics.HTTP_REQUESTS, status="5.."),
                    per_second(metrics.HTTP_REQUESTS),
                ),
                "requests",
            ),
            (
                share(
                    per_second(metrics.INTERVIEWS, status="failed"),
                    per_second(metrics.INTERVIEWS),
                ),
                "interviews",
            ),
            limits=(CRITICAL_ERROR_RATE,),
        ),
        areas(
            "Queue length",
            "Messages that wait for a worker. What workers hold already is not counted.",
            units.Short,
            (summed(metrics.QUEUE_DEPTH, "queue"), "{{queue}}"),
        ),
        lines(
            "Oldest message",
            "Age of the message that waits longest in each queue.",
            units.Seconds,
            (highest(metrics.QUEUE_OLDEST_AGE, "queue"), "{{queue}}"),
            limits=(OLDEST_MESSAGE,),
        ),
    ),
)

_PERFORMANCE = Row(
    "Performance",
    (
        percentiles(
            "API response time",
            metrics.HTTP_DURATION,
            "Time to answer a request, uploads included.",
            limits=(HIGH_LATENCY,),
        ),
        percentiles(
            "Interview processing time",
            metrics.INTERVIEW_DURATION,
            "Time from the queueing of an interview to its end, the wait in queues included.",
            limits=(SLOW_PROCESSING,),
        ),
        areas(
            "Throughput",
            "Interviews that came to their end, by what became of them.",
            units.CountsPerMinute,
            (f"60 * {per_second(metrics.INTERVIEWS, 'status')}", "{{status}}"),
        ),
        lines(
            "Transcription latency (p95)",
            "Time in which speech providers answer 95 of 100 requests.",
            units.Seconds,
            (quantile(0.95, metrics.TRANSCRIPTION_DURATION, "provider"), "{{provider}}"),
        ),
        lines(
            "Analysis time (p95)",
            "Time in which language providers answer 95 of 100 requests.",
            units.Seconds,
            (quantile(0.95, metrics.ANALYSIS_DURATION, "type"), "{{type}}"),
        ),
        lines(
            "Requests",
            "Requests to the API, by status.",
            units.RequestsPerSecond,
            (per_second(metrics.HTTP_REQUESTS, "status"), "{{status}}"),
        ),
    ),
)

_BURN = f'{recorded("1h")}{{job=~"$job"}} / on (slo) (1 - slo:objective:ratio{{job=~"$job"}})'

_OBJECTIVES = Row(
    "Objectives",
    (
        lines(
            "Error budget left",
            "Share of what may go wrong in 30 days that has not; below 0 the objective is missed.",
            units.PercentUnit,
            ('slo:error_budget_remaining:ratio{job=~"$job"}', "{{slo}}"),
        ),
        lines(
            "Burn rate",
            "How fast the last hour used the budget: at 1 it lasts 30 days; 14.4 is an alert.",
            units.Short,
            (_BURN, "{{slo}}"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="interview-worker-production",
    title="Interview Worker: Production",
    description="Is the service healthy, is it fast enough, and what do its dependencies do?",
    rows=(_OVERVIEW, _OBJECTIVES, _PERFORMANCE, resources.ROW, dependencies.ROW),
)
