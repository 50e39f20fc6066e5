"""Types for Prometheus rules, and their YAML format.

https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import yaml

from monitoring.stack.thresholds import Severity

JOB = "interview-worker"
"""The Prometheus job that scrapes the service."""

_RUNBOOKS = "http://127.0.0.1:3000/public/runbooks"
_PRODUCTION = "/d/interview-worker-production"


class Priority(StrEnum):
    """How soon somebody must react."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, object]:
        """The rule in the format of a rule file."""
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"record": self.name, "expr": self.expr, **labels}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert rule.

    Attributes:
        name: Its name, and that of its runbook.
        expr: The condition.
        for_: How long the condition must hold, as a Prometheus duration.
        severity: The severity, used for routing.
        priority: How soon somebody must react.
        summary: A short title.
        description: A sentence with the value.
        dashboard: The path of the dashboard that shows it.
        labels: Additional labels.
    """

    name: str
    expr: str
    for_: str
    severity: Severity
    priority: Priority
    summary: str
    description: str
    dashboard: str = _PRODUCTION
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_labels(self) -> dict[str, str]:
        """The labels that the rule adds to its series."""
        return {
            "severity": str(self.severity),
            "priority": str(self.priority),
            "service": JOB,
            "team": "interviews",
            **self.labels,
        }

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations."""
        return {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{_RUNBOOKS}/{self.name}.md",
            "dashboard": self.dashboard,
        }

    def plain(self) -> dict[str, object]:
        """The rule in the format of a rule file."""
        lasts = {"for": self.for_} if self.for_ else {}
        return {
            "alert": self.name,
            "expr": self.expr,
            **lasts,
            "labels": self.all_labels,
            "annotations": self.annotations,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """A group of rules that are evaluated in order."""

    name: str
    rules: tuple[Recording | Alert, ...]
    interval: str | None = None

    def plain(self) -> dict[str, object]:
        """The group in the format of a rule file."""
        interval = {"interval": self.interval} if self.interval else {}
        return {"name": self.name, **interval, "rules": [rule.plain() for rule in self.rules]}


def as_text(groups: Iterable[Group]) -> str:
    """The contents of a rule file."""
    content = {"groups": [group.plain() for group in groups]}
    text: str = yaml.safe_dump(content, sort_keys=False, width=100, allow_unicode=True)
    return f"# Written by `make rules`; change monitoring/stack/prometheus/*.py instead.\n{text}"
