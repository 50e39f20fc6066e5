"""Grafana dashboards, generated from the metric definitions by `make dashboards`."""
