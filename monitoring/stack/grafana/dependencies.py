"""Dashboard: stores, providers, calendars and Kafka."""

from grafana_foundation_sdk.models import units

from monitoring import metrics
from monitoring.stack.grafana.panel_factories import WORDS, lines
from monitoring.stack.grafana.panels import Panel, Query, Row, Visualization
from monitoring.stack.grafana.queries import (
    highest,
    lowest,
    per_second,
    quantile,
    share,
    total,
)
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
            description="Whether the sidecar can reach MongoDB, the broker and Kafka.",
            unit=units.NoUnit,
            queries=(
                Query(lowest(metrics.MONGODB_UP), "MongoDB"),
                Query(lowest(metrics.REDIS_UP), "Redis"),
                Query(lowest(metrics.RABBITMQ_UP), "RabbitMQ"),
                Query(lowest(metrics.KAFKA_UP), "Kafka"),
            ),
            visualization=Visualization.STATES,
            limits=(DATABASE_DOWN, BROKER_DOWN),
            words=WORDS,
        ),
        lines(
            "Service response time (p95)",
            "95th percentile of response times, by external service.",
            units.Seconds,
            (quantile(0.95, metrics.EXTERNAL_DURATION, "service"), "{{service}}"),
        ),
        lines(
            "Service errors",
            "Share of requests without a response, or with 401, 403, 408, 429 or 5xx.",
            units.PercentUnit,
            (
                share(
                    per_second(metrics.EXTERNAL_ERRORS, "service"),
                    per_second(metrics.EXTERNAL_REQUESTS, "service"),
                ),
                "{{service}}",
            ),
            limits=(AI_SERVICE_DOWN,),
            maximum=1,
        ),
        lines(
            "Speech providers",
            "Requests to speech providers, by outcome.",
            units.RequestsPerSecond,
            (per_second(metrics.TRANSCRIPTIONS, "provider", "status"), "{{provider}} {{status}}"),
        ),
        lines(
            "Calendars",
            "Calls to calendar APIs, by outcome.",
            units.RequestsPerSecond,
            (per_second(metrics.CALENDAR_CALLS, "provider", "status"), "{{provider}} {{status}}"),
        ),
        lines(
            "Circuits",
            "State of each circuit breaker: 0 closed (requests pass), 1 half-open (one trial "
            "request passes), 2 open (no request passes).",
            units.Short,
            (highest(metrics.CIRCUIT_STATE, "service", "endpoint"), "{{service}} {{endpoint}}"),
            limits=(CIRCUIT_OPEN,),
            maximum=2,
        ),
        lines(
            "Broker throughput",
            "Tasks started per second, by queue.",
            units.OpsPerSecond,
            (per_second(metrics.QUEUE_WAIT, "queue"), "{{queue}}"),
        ),
        lines(
            "Kafka throughput",
            "Records produced and consumed, by topic.",
            units.OpsPerSecond,
            (per_second(metrics.KAFKA_PRODUCED, "topic", "status"), "sent: {{topic}} {{status}}"),
            (per_second(metrics.KAFKA_CONSUMED, "topic", "status"), "taken: {{topic}} {{status}}"),
        ),
        lines(
            "Consumer lag",
            "Records not yet consumed by our consumer group.",
            units.Short,
            (total(metrics.KAFKA_LAG, "group", "topic"), "{{group}}: {{topic}}"),
            limits=(CONSUMER_LAG,),
        ),
    ),
)
