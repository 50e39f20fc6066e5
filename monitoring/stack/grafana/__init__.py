"""Grafana's dashboards, made of the metrics' definitions: `make dashboards` writes them as JSON."""
