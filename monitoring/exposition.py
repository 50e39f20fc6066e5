"""Metrics in the form Prometheus reads."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector


def exposition(collectors: Iterable[Collector], accept: str) -> tuple[bytes, str]:
    """Scrape collectors.

    Args:
        collectors: What to scrape.
        accept: The request's Accept header: OpenMetrics where it asks for it, else plain text.

    Returns:
        The body and its content type.
    """
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
