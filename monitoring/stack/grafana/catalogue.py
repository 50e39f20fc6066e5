"""All dashboards, in reading order."""

from monitoring.stack.grafana import analysis, interviews, production, transcription

DASHBOARDS = (
    production.DASHBOARD,
    interviews.DASHBOARD,
    analysis.DASHBOARD,
    transcription.DASHBOARD,
)
