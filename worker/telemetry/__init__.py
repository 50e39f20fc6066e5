"""Set-up of logs, traces and metrics from the settings."""
