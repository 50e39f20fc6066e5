"""Figures that are read when Prometheus asks for them."""

from prometheus_client.registry import Collector

__all__ = ["Collector"]
