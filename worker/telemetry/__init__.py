"""Logs, traces and metrics of our processes, set up from the settings."""
