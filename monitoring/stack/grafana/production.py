"""Dashboard: overview of the service, the first to look at."""

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
    total,
)
from monitoring.stack.prometheus.objectives import recorded
from monitoring.stack.promql import API
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
            "Whether Prometheus can scrape all instances.",
            units.NoUnit,
            lowest(UP),
            limits=(DOWN,),
            words=WORDS,
        ),
        figure(
            "Uptime",
            "Time since the most recently started sidecar came up.",
            units.Seconds,
            f"time() - {highest(metrics.PROCESS_STARTED, role='sidecar')}",
        ),
        figure(
            "Availability",
            "Share of API requests in the selected time range without a server error.",
            units.PercentUnit,
            "1 - "
            + share(
                counted(metrics.HTTP_REQUESTS, path=API, status="5.."),
                counted(metrics.HTTP_REQUESTS, path=API),
            ),
            limits=(AVAILABILITY,),
            empty="idle",
        ),
        figure(
            "Active interviews",
            "Interviews in the pipeline, waiting or running.",
            units.Short,
            highest(metrics.INTERVIEWS_ACTIVE),
        ),
        figure(
            "Waiting messages",
            "Messages waiting in all queues, all priorities.",
            units.Short,
            total(metrics.QUEUE_DEPTH),
        ),
        figure(
            "Workers",
            "Live workers.",
            units.Short,
            total(metrics.CELERY_WORKER_UP),
        ),
        lines(
            "Error rate",
            "Share of API requests with a 5xx response, and of interviews that failed.",
            units.PercentUnit,
            (
                share(
                    per_second(metrics.HTTP_REQUESTS, path=API, status="5.."),
                    per_second(metrics.HTTP_REQUESTS, path=API),
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
            "Messages waiting for a worker; unacknowledged ones are not counted.",
            units.Short,
            (total(metrics.QUEUE_DEPTH, "queue"), "{{queue}}"),
        ),
        lines(
            "Oldest message",
            "Age of the oldest waiting message, by queue.",
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
            "Duration of API requests, including uploads.",
            limits=(HIGH_LATENCY,),
            path=API,
        ),
        percentiles(
            "Interview processing time",
            metrics.INTERVIEW_DURATION,
            "Time from queueing to the end of an interview, including waits in queues.",
            limits=(SLOW_PROCESSING,),
        ),
        areas(
            "Throughput",
            "Finished interviews, by outcome.",
            units.CountsPerMinute,
            (f"60 * {per_second(metrics.INTERVIEWS, 'status')}", "{{status}}"),
        ),
        lines(
            "Transcription latency (p95)",
            "95th percentile of speech providers' response times.",
            units.Seconds,
            (quantile(0.95, metrics.TRANSCRIPTION_DURATION, "provider"), "{{provider}}"),
        ),
        lines(
            "Analysis time (p95)",
            "95th percentile of language providers' response times.",
            units.Seconds,
            (quantile(0.95, metrics.ANALYSIS_DURATION, "type"), "{{type}}"),
        ),
        lines(
            "Requests",
            "Requests to the API, by status.",
            units.RequestsPerSecond,
            (per_second(metrics.HTTP_REQUESTS, "status", path=API), "{{status}}"),
        ),
    ),
)

_BURN = f'{recorded("1h")}{{job=~"$job"}} / on (slo) (1 - slo:objective:ratio{{job=~"$job"}})'

_OBJECTIVES = Row(
    "Objectives",
    (
        lines(
            "Remaining error budget",
            "Unspent share of the 30-day error budget; below 0 the objective is missed.",
            units.PercentUnit,
            ('slo:error_budget_remaining:ratio{job=~"$job"}', "{{slo}}"),
        ),
        lines(
            "Burn rate",
            "Rate at which the last hour spent the budget: 1 spends it in 30 days; 14.4 alerts.",
            units.Short,
            (_BURN, "{{slo}}"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="interview-worker-production",
    title="Interview Worker: Production",
    description="Is the service healthy and fast enough, and how are its dependencies?",
    rows=(_OVERVIEW, _OBJECTIVES, _PERFORMANCE, resources.ROW, dependencies.ROW),
)
