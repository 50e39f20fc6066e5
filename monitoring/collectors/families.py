"""Samples for the metrics that are defined."""

from collections.abc import Sequence

from prometheus_client.metrics_core import Metric as Family

from monitoring.metrics.definitions import Metric


class Samples(Family):
    """The samples of one metric, a gauge or a counter that is read."""

    def __init__(self, definition: Metric) -> None:
        super().__init__(definition.family, definition.help, definition.kind)
        self._sample_name = definition.name
        self._labels = definition.labels

    def add(self, labels: Sequence[str], value: float) -> None:
        """Add a sample, with the values of its labels in the order of the definition."""
        self.add_sample(self._sample_name, dict(zip(self._labels, labels, strict=True)), value)


def family(definition: Metric) -> Samples:
    """A family to which samples are added."""
    return Samples(definition)
