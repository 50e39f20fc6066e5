"""The way of interviews through the pipeline."""

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
    summed,
    times,
)
from monitoring.stack.thresholds import OLDEST_MESSAGE, SLOW_PROCESSING

_ENDED = metrics.INTERVIEWS

_LIFE = Row(
    "Interview lifecycle",
    (
        figure(
            "Active",
            "Interviews in the pipeline, waiting or worked on.",
            units.Short,
            highest(metrics.INTERVIEWS_ACTIVE),
        ),
        figure(
            "Completed",
            "Interviews completed in the time shown.",
            units.Short,
            or_zero(times(_ENDED, status="success")),
        ),
        figure(
            "Failed",
            "Interviews that failed in the time shown: `interview-worker dead` lists them.",
            units.Short,
            or_zero(times(_ENDED, status="failed")),
        ),
        figure(
            "Cancelled",
            "Interviews cancelled in the time shown.",
            units.Short,
            or_zero(times(_ENDED, status="cancelled")),
        ),
        figure(
            "Success",
            "Share of the interviews that came to their end in the time shown, and completed.",
            units.PercentUnit,
            share(counted(_ENDED, status="success"), counted(_ENDED, status="success|failed")),
            empty="idle",
        ),
        figure(
            "Sent on again",
            "Interviews in the time shown whose message was lost, or whose worker had died.",
            units.Short,
            or_zero(times(metrics.RESUMED, reason="lease_lapsed|message_lost")),
        ),
        areas(
            "Interviews by stage",
            "Interviews in each stage, waiting or worked on.",
            units.Short,
            (highest(metrics.INTERVIEWS_IN_STAGE, "stage"), "{{stage}}"),
        ),
        percentiles(
            "Processing time",
            metrics.INTERVIEW_DURATION,
            "Time from the queueing of an interview to its end, the wait in queues included.",
            limits=(SLOW_PROCESSING,),
        ),
        areas(
            "Interviews ended",
            "Interviews that came to their end, by what became of them.",
            units.CountsPerMinute,
            (f"60 * {per_second(_ENDED, 'status')}", "{{status}}"),
        ),
    ),
)

_STAGES = Row(
    "Stages",
    (
        lines(
            "Time of an attempt (p95)",
            "Time of 95 of 100 attempts at each stage, whatever came of them.",
            units.Seconds,
            (quantile(0.95, metrics.STAGE_DURATION, "stage"), "{{stage}}"),
        ),
        areas(
            "Work by stage",
            "Attempts under way at once on average: which stage takes the workers' time.",
            units.Short,
            (busy(metrics.STAGE_DURATION, "stage"), "{{stage}}"),
        ),
        lines(
            "Attempts",
            "Attempts at each stage that came to their end, by what came of them.",
            units.OpsPerSecond,
            (per_second(metrics.STAGE_DURATION, "stage", "status"), "{{stage}} {{status}}"),
        ),
        lines(
            "Failed attempts",
            "Share of attempts at each stage after which another is due, or none can help.",
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
            description="Attempts in the time shown after which another was due, by the reason.",
            unit=units.Short,
            queries=(
                Query(times(metrics.STAGE_RETRIES, "stage", "reason"), "{{stage}}: {{reason}}"),
            ),
            visualization=Visualization.BARS,
            empty="none",
        ),
        lines(
            "Scheduling",
            "Attempts to book a follow-up, by what came of them.",
            units.OpsPerSecond,
            (per_second(metrics.SCHEDULINGS, "status"), "{{status}}"),
        ),
    ),
)

_TYPES = Row(
    "Types of interview",
    (
        lines(
            "Success by type",
            "Share of the interviews of each type that completed, of those not cancelled.",
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
            "Time from queueing to the end of 95 of 100 interviews of each type.",
            units.Seconds,
            (quantile(0.95, metrics.INTERVIEW_DURATION, "type"), "{{type}}"),
            limits=(SLOW_PROCESSING,),
        ),
        Panel(
            title="Ended, by type",
            description="Interviews that came to their end in the time shown.",
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
            "Messages that wait for a worker, by queue.",
            units.Short,
            (summed(metrics.QUEUE_DEPTH, "queue"), "{{queue}}"),
        ),
        areas(
            "Held by workers",
            "Messages of each queue that workers hold: running, prefetched or delayed.",
            units.Short,
            (summed(metrics.QUEUE_RESERVED, "queue"), "{{queue}}"),
        ),
        lines(
            "Processing rate",
            "Messages taken from each queue, by how often a task was started.",
            units.OpsPerSecond,
            (per_second(metrics.QUEUE_WAIT, "queue"), "{{queue}}"),
        ),
        lines(
            "Wait in queues (p95)",
            "Time that 95 of 100 messages wait for a worker.",
            units.Seconds,
            (quantile(0.95, metrics.QUEUE_WAIT, "queue"), "{{queue}}"),
        ),
        lines(
            "Oldest message",
            "Age of the message that waits longest in each queue.",
            units.Seconds,
            (highest(metrics.QUEUE_OLDEST_AGE, "queue"), "{{queue}}"),
            limits=(OLDEST_MESSAGE,),
        ),
        lines(
            "Depth by priority",
            "Messages that wait, by priority, in all queues.",
            units.Short,
            (summed(metrics.QUEUE_DEPTH, "priority"), "{{priority}}"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="interview-worker-interviews",
    title="Interview Worker: Interview Processing",
    description="Where are the interviews, how long does each stage take, and what goes wrong?",
    rows=(_LIFE, _STAGES, _TYPES, _QUEUES),
)
