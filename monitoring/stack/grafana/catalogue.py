"""All dashboards, in the order in which they are read."""

from monitoring.stack.grafana import analysis, interviews, production, transcription

DASHBOARDS = (
    production.DASHBOARD,
    interviews.DASHBOARD,
    analysis.DASHBOARD,
    transcription.DASHBOARD,
)
