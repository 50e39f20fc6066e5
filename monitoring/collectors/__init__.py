"""Collectors: metrics that are read from their source at scrape time."""

from prometheus_client.registry import Collector

__all__ = ["Collector"]
