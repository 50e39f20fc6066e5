"""Every metric: its name, its help text and its labels."""

from typing import NamedTuple


class MetricDefinition(NamedTuple):
    """A metric that is read at scrape time.

    Attributes:
        name: As Prometheus knows it.
        help: One sentence for people.
        labels: Names of the labels.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()


QUEUE_DEPTH = MetricDefinition(
    "interview_queue_depth", "Messages that wait in a queue.", ("queue", "priority")
)
ACTIVE = MetricDefinition(
    "interviews_active_total", "Interviews in the pipeline, waiting or worked on."
)
REDIS_UP = MetricDefinition("redis_up", "Whether the broker answers, 1 or 0.")
