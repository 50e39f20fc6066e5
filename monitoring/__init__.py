"""Monitoring: metrics, health, logs, traces, and the configuration of the stack that reads them."""

SERVICE = "interview-worker"
"""The service's name in log lines and traces."""
