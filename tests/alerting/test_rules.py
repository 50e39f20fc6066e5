"""Alert rules fire when expected and at no other time, evaluated by Prometheus itself."""

import re
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring import metrics
from monitoring.metrics.definitions import Histogram
from monitoring.stack.grafana.catalogue import DASHBOARDS
from monitoring.stack.prometheus.alerts import ALWAYS
from monitoring.stack.prometheus.files import PLACE, all_alerts, contents
from monitoring.stack.prometheus.rules import Alert
from tests.alerting.cases import CASES, MISSING, Case, missing_cases, objective_cases
from tests.requirements import needs, program

EXPORTERS = {
    "up",
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
    "probe_ssl_earliest_cert_expiry",
    "probe_success",
}
"""Metrics of Prometheus itself, of node_exporter and of blackbox_exporter."""

GRAFANA = "https://grafana.example.com"
"""The URL of Grafana, an external label."""

ALL_CASES = (*CASES, *missing_cases(), *objective_cases())


def promtool(*arguments: str, cwd: Path | None = None) -> str:
    command = [program("promtool"), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def test_committed_files_are_up_to_date() -> None:
    written = {file.name: file.read_text() for file in PLACE.glob("*.yml")}
    assert written == contents(), "run `make rules`"


@needs("promtool")
def test_rules_and_configuration_are_valid_for_prometheus() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, PLACE.glob("*.yml")))
    promtool("check", "config", str(PLACE.with_name("prometheus.yml")))


def alert_of(case: Case) -> Alert:
    (found,) = (
        alert
        for alert in all_alerts()
        if alert.name == case.alert and alert.labels.get("window", "") == case.window
    )
    return found


def expected(case: Case) -> list[dict[str, object]]:
    alert = alert_of(case)
    return [
        {
            "exp_labels": {**labels, **alert.all_labels},
            "exp_annotations": {
                name: filled(text, labels, case.shown) for name, text in alert.annotations.items()
            },
        }
        for labels in case.fires
    ]


def filled(template: str, labels: dict[str, str], shown: str) -> str:
    """Expand an annotation's template as Prometheus does."""
    text = template.replace("{{ $externalLabels.grafana_url }}", GRAFANA)
    text = re.sub(r"\{\{ \$value[^}]*\}\}", shown, text)
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels.get(found.group(1), ""), text)


def as_test(case: Case) -> dict[str, object]:
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    return {
        "name": f"{case.alert} {case.window}",
        "interval": case.every,
        "external_labels": {"grafana_url": GRAFANA},
        "input_series": series,
        "alert_rule_test": [
            {"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected(case)}
        ],
    }


def run(cases: Sequence[Case], tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": needed_by(alert_of(cases[0]))}, sort_keys=False))
    content = {
        "rule_files": [rules.name],
        "evaluation_interval": cases[0].every,
        "tests": [as_test(case) for case in cases],
    }
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    promtool("test", "rules", str(file))


@cache
def groups() -> list[dict[str, Any]]:
    """All groups of all files."""
    return [
        group
        for name in contents()
        for group in yaml.safe_load((PLACE / name).read_text())["groups"]
    ]


def sources(expression: str) -> set[str]:
    """The metrics and recorded series that an expression uses, directly or indirectly."""
    names = named_in(expression)
    rules = [rule for group in groups() for rule in group["rules"]]
    return names.union(*(sources(rule["expr"]) for rule in rules if rule.get("record") in names))


def needed_by(alert: Alert) -> list[dict[str, Any]]:
    """The groups, reduced to one alert and the recording rules that it uses.

    promtool evaluates all rules of a file at every step, which would take ten times as long.
    """
    wanted = sources(alert.expr)
    found = []
    for group in groups():
        rules = [r for r in group["rules"] if r == alert.plain() or r.get("record") in wanted]
        found += [{**group, "rules": rules}] if rules else []
    return found


@needs("promtool")
@pytest.mark.parametrize(
    ("name", "window"), sorted({(case.alert, case.window) for case in ALL_CASES})
)
def test_alerts_fire_as_expected(name: str, window: str, tmp_path: Path) -> None:
    cases = [case for case in ALL_CASES if (case.alert, case.window) == (name, window)]
    run(cases, tmp_path)


def test_every_alert_has_firing_and_quiet_cases() -> None:
    firing = {case.alert for case in ALL_CASES if case.fires}
    quiet = {case.alert for case in ALL_CASES if not case.fires}
    names = {alert.name for alert in all_alerts()}
    assert firing == names
    assert quiet == names - {"InterviewWorkerWatchdog"}


def test_every_alert_has_labels_annotations_and_a_dashboard() -> None:
    for alert in all_alerts():
        assert {"severity", "priority", "service", "team"} <= alert.all_labels.keys()
        assert all(alert.annotations.values())
        assert alert.dashboard in {f"/d/{dashboard.uid}" for dashboard in DASHBOARDS}


def test_rules_use_existing_metrics() -> None:
    known = set(EXPORTERS)
    for one in metrics.ALL:
        known.add(one.name)
        if isinstance(one, Histogram):
            known |= {f"{one.name}{suffix}" for suffix in ("_bucket", "_count", "_sum")}
    recorded = {
        rule["record"]
        for text in contents().values()
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    for text in contents().values():
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                assert named_in(rule["expr"]) <= known | recorded, rule


def named_in(expression: str) -> set[str]:
    """The names in an expression: metrics with a selector, and recorded series."""
    return set(re.findall(r"([a-zA-Z_:][\w:]*)\{", expression)) | set(
        re.findall(r"\b(?:job|job_service|slo):[\w:]+", expression)
    )


def test_permanent_metrics_have_cases() -> None:
    assert tuple(one.name for one in ALWAYS) == MISSING
