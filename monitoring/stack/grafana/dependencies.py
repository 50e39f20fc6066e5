"""What the service depends on: stores, providers, calendars and the event log."""

from grafana_foundation_sdk.models import units

from monitoring import metrics
from monitoring.stack.grafana.panel_factories import FAILING, WORDS, lines
from monitoring.stack.grafana.panels import Panel, Query, Row, Visualization
from monitoring.stack.grafana.queries import highest, lowest, per_second, quantile, share
from monitoring.stack.thresholds import (
    AI_SERVICE_DOWN,
    BROKER_DOWN,
    CIRCUIT_OPEN,
    CONSUMER_LAG,
    DATABASE_DOWN,
)

ROW = Row(
    "External dependencies",
    (
        Panel(
            title="Stores",
            description="Whether MongoDB, Redis and Kafka answer the sidecar.",
            unit=units.NoUnit,
            queries=(
                Query(lowest(metrics.MONGODB_UP), "MongoDB"),
                Query(lowest(metrics.REDIS_UP), "Redis"),
                Query(lowest(metrics.KAFKA_UP), "Kafka"),
            ),
            visualization=Visualization.STATES,
            limits=(DATABASE_DOWN, BROKER_DOWN),
            words=WORDS,
        ),
        lines(
            "Response times of services (p95)",
            "Time in which each external service answers 95 of 100 requests.",
            units.Seconds,
            (quantile(0.95, metrics.EXTERNAL_DURATION, "service"), "{{service}}"),
        ),
        lines(
            "Errors of services",
            "Share of requests without an answer, or answered with 401, 403, 408, 429 or 5xx.",
            units.PercentUnit,
            (
                share(
                    per_second(metrics.EXTERNAL_REQUESTS, "service", status=FAILING),
                    per_second(metrics.EXTERNAL_REQUESTS, "service"),
                ),
                "{{service}}",
            ),
            limits=(AI_SERVICE_DOWN,),
            maximum=1,
        ),
        lines(
            "Speech providers",
            "Requests to speech providers, by what came of them.",
            units.RequestsPerSecond,
            (per_second(metrics.TRANSCRIPTIONS, "provider", "status"), "{{provider}} {{status}}"),
        ),
        lines(
            "Calendars",
            "Calls of calendars' interfaces, by what came of them.",
            units.RequestsPerSecond,
            (per_second(metrics.CALENDAR_CALLS, "provider", "status"), "{{provider}} {{status}}"),
        ),
        lines(
            "Circuits",
            "Endpoints that failed too often are left alone for a while: 0 requests go through, "
            "1 one of them tries, 2 none does.",
            units.Short,
            (highest(metrics.CIRCUIT_STATE, "service", "endpoint"), "{{service}} {{endpoint}}"),
            limits=(CIRCUIT_OPEN,),
            maximum=2,
        ),
        lines(
            "Broker throughput",
            "Messages taken from each queue, by how often a task was started.",
            units.OpsPerSecond,
            (per_second(metrics.QUEUE_WAIT, "queue"), "{{queue}}"),
        ),
        lines(
            "Kafka throughput",
            "Records sent and taken, by topic.",
            units.OpsPerSecond,
            (per_second(metrics.KAFKA_PRODUCED, "topic", "status"), "sent: {{topic}} {{status}}"),
            (per_second(metrics.KAFKA_CONSUMED, "topic", "status"), "taken: {{topic}} {{status}}"),
        ),
        lines(
            "Consumer lag",
            "Records that our consumer group has not come to yet.",
            units.Short,
            (highest(metrics.KAFKA_LAG, "group", "topic"), "{{group}}: {{topic}}"),
            limits=(CONSUMER_LAG,),
        ),
    ),
)
