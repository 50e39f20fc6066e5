"""Alerts fire when they should and at no other time, by Prometheus' own judgement."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from monitoring import metrics
from monitoring.definitions import Histogram
from monitoring.prometheus.alerts import ALWAYS
from monitoring.prometheus.files import PLACE, all_alerts, contents
from monitoring.prometheus.rules import Alert
from tests.alerting.cases import CASES, MISSING, Case, missing_cases, objective_cases

EXPORTERS = {
    "up",
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
    "probe_ssl_earliest_cert_expiry",
}
"""Metrics of Prometheus itself, of node_exporter and of blackbox_exporter."""

ALL_CASES = (*CASES, *missing_cases(), *objective_cases())


def promtool(*arguments: str, cwd: Path | None = None) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("PROMTOOL IS MISSING: THE RULES ARE NOT TESTED")
    done = subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def test_the_files_are_what_is_generated() -> None:
    written = {file.name: file.read_text() for file in PLACE.glob("*.yml")}
    assert written == contents(), "run `make rules`"


def test_prometheus_takes_rules_and_configuration() -> None:
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
    """What Prometheus makes of an annotation."""
    text = re.sub(r"\{\{ \$value[^}]*\}\}", shown, template)
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels.get(found.group(1), ""), text)


def as_test(case: Case) -> dict[str, object]:
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    return {
        "name": f"{case.alert} {case.window}",
        "interval": case.every,
        "input_series": series,
        "alert_rule_test": [
            {"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected(case)}
        ],
    }


def run(cases: Sequence[Case], tmp_path: Path) -> None:
    windows = {case.window for case in cases}
    # What a case does not need is left out: every rule is evaluated for every minute.
    rules = [str(PLACE / name) for name in ("alerts.yml", "recording.yml")]
    # Of an objective's four alerts of one name, each is looked at by itself.
    if windows != {""}:
        (window,) = windows
        rules = [str(only(window, tmp_path)), str(PLACE / "recording.yml")]
    content = {
        "rule_files": rules,
        "evaluation_interval": cases[0].every,
        "tests": [as_test(case) for case in cases],
    }
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    promtool("test", "rules", str(file))


def only(window: str, tmp_path: Path) -> Path:
    """The objectives' rules, with the alerts of one window."""
    content = yaml.safe_load((PLACE / "objectives.yml").read_text())
    for group in content["groups"]:
        group["rules"] = [
            rule
            for rule in group["rules"]
            if "alert" not in rule or rule["labels"]["window"] == window
        ]
    file = tmp_path / "objectives.yml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


KINDS = sorted({(case.window, case.every) for case in ALL_CASES})


@pytest.mark.parametrize(("window", "every"), KINDS)
def test_alerts_fire_when_they_should_and_at_no_other_time(
    window: str, every: str, tmp_path: Path
) -> None:
    kind = [case for case in ALL_CASES if (case.window, case.every) == (window, every)]
    run(kind, tmp_path)


def test_every_alert_has_a_case_of_each_kind() -> None:
    firing = {case.alert for case in ALL_CASES if case.fires}
    quiet = {case.alert for case in ALL_CASES if not case.fires}
    names = {alert.name for alert in all_alerts()}
    assert firing == names
    assert quiet == names - {"InterviewWorkerWatchdog"}


def test_every_alert_says_what_it_must() -> None:
    for alert in all_alerts():
        assert {"severity", "priority", "service", "team"} <= alert.all_labels.keys()
        assert all(alert.annotations.values())
        assert alert.dashboard.startswith("/d/interview-worker-")


def test_rules_go_by_metrics_that_there_are() -> None:
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
    """The metrics that an expression names: what stands before a selector, or is a recording."""
    return set(re.findall(r"([a-zA-Z_:][\w:]*)\{", expression)) | set(
        re.findall(r"\b(?:job|job_service|slo):[\w:]+", expression)
    )


def test_what_is_always_there_has_cases() -> None:
    assert tuple(one.name for one in ALWAYS) == MISSING
