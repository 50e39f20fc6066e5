"""Rules, and how they are written.

https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import yaml

from monitoring.stack.thresholds import Severity

JOB = "interview-worker"
"""The job by which Prometheus scrapes us."""

_RUNBOOKS = "http://127.0.0.1:3000/public/runbooks"
_PRODUCTION = "/d/interview-worker-production"


class Priority(StrEnum):
    """How soon somebody has to look."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that is worked out beforehand."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, object]:
        """As it stands in a file."""
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"record": self.name, "expr": self.expr, **labels}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert.

    Attributes:
        name: Its name, and that of its runbook.
        expr: True as long as something is wrong.
        for_: For how long, as Prometheus writes times.
        severity: How it is routed.
        priority: How soon somebody has to look.
        summary: What is wrong, in a few words.
        description: What is wrong, with its value.
        dashboard: The path of the dashboard that shows it.
        labels: Further labels.
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
        """The labels that it adds to those of its series."""
        return {
            "severity": str(self.severity),
            "priority": str(self.priority),
            "service": JOB,
            "team": "interviews",
            **self.labels,
        }

    @property
    def annotations(self) -> dict[str, str]:
        """What it says to people."""
        return {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{_RUNBOOKS}/{self.name}.md",
            "dashboard": self.dashboard,
        }

    def plain(self) -> dict[str, object]:
        """As it stands in a file."""
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
    """Rules that are evaluated one after the other."""

    name: str
    rules: tuple[Recording | Alert, ...]
    interval: str | None = None

    def plain(self) -> dict[str, object]:
        """As it stands in a file."""
        interval = {"interval": self.interval} if self.interval else {}
        return {"name": self.name, **interval, "rules": [rule.plain() for rule in self.rules]}


def as_text(groups: Iterable[Group]) -> str:
    """The contents of a file of rules."""
    content = {"groups": [group.plain() for group in groups]}
    text: str = yaml.safe_dump(content, sort_keys=False, width=100, allow_unicode=True)
    return f"# Written by `make rules`; change monitoring/stack/prometheus/*.py instead.\n{text}"
