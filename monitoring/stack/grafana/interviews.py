"""Dashboard: interviews in the pipeline."""

from grafana_foundation_sdk.models import units

from monitoring import metrics
from monitoring.stack.grafana.panel_factories import areas, figure, lines, percentiles
from monitoring.stack.grafana.panels import Dashboard, Panel, Query, Row, Visualization
from monitoring.stack.grafana.queries import (
    busy,
    counted,
    highest,
    or_zero,
    per_second,
    quantile,
    share,
    times,
    total,
)
from monitoring.stack.thresholds import OLDEST_MESSAGE, SLOW_PROCESSING

_ENDED = metrics.INTERVIEWS

_LIFE = Row(
    "Interview lifecycle",
    (
        figure(
            "Active",
            "Interviews in the pipeline, waiting or running.",
            units.Short,
            highest(metrics.INTERVIEWS_ACTIVE),
        ),
        figure(
            "Completed",
            "Interviews completed in the selected time range.",
            units.Short,
            or_zero(times(_ENDED, status="success")),
        ),
        figure(
            "Failed",
            "Interviews that failed in the time range: `interview-worker dead` lists them.",
            units.Short,
            or_zero(times(_ENDED, status="failed")),
        ),
        figure(
            "Cancelled",
            "Interviews cancelled in the selected time range.",
            units.Short,
            or_zero(times(_ENDED, status="cancelled")),
        ),
        figure(
            "Success",
            "Share of interviews finished in the selected time range that completed.",
            units.PercentUnit,
            share(counted(_ENDED, status="success"), counted(_ENDED, status="success|failed")),
            empty="idle",
        ),
        figure(
            "Dispatched again",
            "Interviews in the time range whose message was lost or whose worker died.",
            units.Short,
            or_zero(times(metrics.RESUMED, reason="lease_lapsed|message_lost")),
        ),
        areas(
            "Interviews by stage",
            "Interviews in each stage, waiting or running.",
            units.Short,
            (highest(metrics.INTERVIEWS_IN_STAGE, "stage"), "{{stage}}"),
        ),
        percentiles(
            "Processing time",
            metrics.INTERVIEW_DURATION,
            "Time from queueing to the end of an interview, including waits in queues.",
            limits=(SLOW_PROCESSING,),
        ),
        areas(
            "Finished interviews",
            "Finished interviews, by outcome.",
            units.CountsPerMinute,
            (f"60 * {per_second(_ENDED, 'status')}", "{{status}}"),
        ),
    ),
)

_STAGES = Row(
    "Stages",
    (
        lines(
            "Attempt duration (p95)",
            "95th percentile of attempt durations by stage, successful or not.",
            units.Seconds,
            (quantile(0.95, metrics.STAGE_DURATION, "stage"), "{{stage}}"),
        ),
        areas(
            "Work by stage",
            "Average number of concurrent attempts, which shows where workers spend time.",
            units.Short,
            (busy(metrics.STAGE_DURATION, "stage"), "{{stage}}"),
        ),
        lines(
            "Attempts",
            "Finished attempts by stage and outcome.",
            units.OpsPerSecond,
            (per_second(metrics.STAGE_DURATION, "stage", "status"), "{{stage}} {{status}}"),
        ),
        lines(
            "Failed attempts",
            "Share of attempts by stage that failed, to be retried or permanently.",
            units.PercentUnit,
            (
                share(
                    per_second(metrics.STAGE_DURATION, "stage", status="retry|failed"),
                    per_second(metrics.STAGE_DURATION, "stage"),
                ),
                "{{stage}}",
            ),
            maximum=1,
        ),
        Panel(
            title="Retries",
            description="Attempts in the selected time range that were retried, by reason.",
            unit=units.Short,
            queries=(
                Query(times(metrics.STAGE_RETRIES, "stage", "reason"), "{{stage}}: {{reason}}"),
            ),
            visualization=Visualization.BARS,
            empty="none",
        ),
        lines(
            "Scheduling",
            "Attempts to book a follow-up, by outcome.",
            units.OpsPerSecond,
            (per_second(metrics.SCHEDULINGS, "status"), "{{status}}"),
        ),
    ),
)

_TYPES = Row(
    "Interview types",
    (
        lines(
            "Success by type",
            "Share of interviews that completed, by type; cancelled ones are not counted.",
            units.PercentUnit,
            (
                share(
                    per_second(_ENDED, "type", status="success"),
                    per_second(_ENDED, "type", status="success|failed"),
                ),
                "{{type}}",
            ),
            maximum=1,
        ),
        lines(
            "Processing time by type (p95)",
            "95th percentile of the time from queueing to the end, by interview type.",
            units.Seconds,
            (quantile(0.95, metrics.INTERVIEW_DURATION, "type"), "{{type}}"),
            limits=(SLOW_PROCESSING,),
        ),
        Panel(
            title="Finished by type",
            description="Interviews finished in the selected time range.",
            unit=units.Short,
            queries=(Query(times(_ENDED, "type", "status"), "{{type}}: {{status}}"),),
            visualization=Visualization.BARS,
        ),
    ),
)

_QUEUES = Row(
    "Queues",
    (
        areas(
            "Queue depth",
            "Messages waiting for a worker, by queue.",
            units.Short,
            (total(metrics.QUEUE_DEPTH, "queue"), "{{queue}}"),
        ),
        areas(
            "Unacknowledged messages",
            "Messages delivered to workers, by queue: running, prefetched or delayed.",
            units.Short,
            (total(metrics.QUEUE_RESERVED, "queue"), "{{queue}}"),
        ),
        lines(
            "Processing rate",
            "Tasks started per second, by queue.",
            units.OpsPerSecond,
            (per_second(metrics.QUEUE_WAIT, "queue"), "{{queue}}"),
        ),
        lines(
            "Queue wait (p95)",
            "95th percentile of the time that messages wait for a worker.",
            units.Seconds,
            (quantile(0.95, metrics.QUEUE_WAIT, "queue"), "{{queue}}"),
        ),
        lines(
            "Oldest message",
            "Age of the oldest waiting message, by queue.",
            units.Seconds,
            (highest(metrics.QUEUE_OLDEST_AGE, "queue"), "{{queue}}"),
            limits=(OLDEST_MESSAGE,),
        ),
        lines(
            "Depth by priority",
            "Waiting messages in all queues, by priority.",
            units.Short,
            (total(metrics.QUEUE_DEPTH, "priority"), "{{priority}}"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="interview-worker-interviews",
    title="Interview Worker: Interview Processing",
    description="Where are the interviews, how long does each stage take, and what goes wrong?",
    rows=(_LIFE, _STAGES, _TYPES, _QUEUES),
)
