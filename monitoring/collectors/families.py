"""Metric families for defined metrics."""

from collections.abc import Sequence

from prometheus_client.metrics_core import Metric as Family

from monitoring.metrics.definitions import Metric


class Samples(Family):
    """The samples of a gauge or an external counter."""

    def __init__(self, definition: Metric) -> None:
        super().__init__(definition.family, definition.help, definition.kind)
        self._sample_name = definition.name
        self._labels = definition.labels

    def add(self, labels: Sequence[str], value: float) -> None:
        """Add a sample, with its label values in the order of the definition."""
        self.add_sample(self._sample_name, dict(zip(self._labels, labels, strict=True)), value)


def family(definition: Metric) -> Samples:
    """Create a family to which samples can be added."""
    return Samples(definition)
