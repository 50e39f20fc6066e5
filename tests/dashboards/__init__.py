"""Dashboards on a real Prometheus that watched a real run of the service."""
