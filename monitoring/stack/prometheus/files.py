"""The rule files."""

from pathlib import Path

from monitoring.stack.prometheus import alerts, objectives, recording
from monitoring.stack.prometheus.rules import Alert, as_text

PLACE = Path(__file__).with_name("rules")


def contents() -> dict[str, str]:
    """The text of each file, by name."""
    return {
        "recording.yml": as_text(recording.GROUPS),
        "alerts.yml": as_text(alerts.GROUPS),
        "objectives.yml": as_text(objectives.groups()),
    }


def all_alerts() -> list[Alert]:
    """All alerts."""
    groups = (*alerts.GROUPS, *objectives.groups())
    return [rule for group in groups for rule in group.rules if isinstance(rule, Alert)]
