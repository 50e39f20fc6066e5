"""Routing of alerts to receivers, evaluated by Alertmanager itself."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from monitoring.stack.prometheus.files import all_alerts
from tasks.clock import now
from tasks.errors import InvalidInput, Transient
from tests.requirements import needs, program
from tests.timing import wait_until
from worker.adapters.alertmanager import Alertmanager
from worker.cli.silences import parse_duration
from worker.local.processes.child import Child
from worker.local.processes.ports import free_port

CONFIG = Path(__file__).parents[2] / "monitoring" / "stack" / "alertmanager" / "alertmanager.yml"


def amtool(*arguments: str) -> str:
    command = [program("amtool"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs("amtool")
def test_configuration_is_valid_for_alertmanager() -> None:
    assert "SUCCESS" in amtool("check-config", str(CONFIG))


@needs("amtool")
@pytest.mark.parametrize(
    ("severity", "receivers"),
    [("critical", "page,ticket"), ("warning", "ticket"), ("info", "digest")],
)
def test_each_severity_is_routed_to_its_receivers(severity: str, receivers: str) -> None:
    labels = [f"severity={severity}", "service=interview-worker", "alertname=Some"]
    found = amtool("config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert found.strip() == receivers


@needs("amtool")
def test_every_alert_is_routed_to_a_receiver() -> None:
    wanted = {"critical": "page,ticket", "warning": "ticket", "info": "digest"}
    kinds = {
        (str(alert.severity), alert.labels.get("watchdog", "")): alert for alert in all_alerts()
    }
    for (severity, watchdog), alert in kinds.items():
        labels = [f"{name}={value}" for name, value in alert.all_labels.items()]
        found = amtool("config", "routes", "test", f"--config.file={CONFIG}", *labels)
        assert found.strip() == ("watchdog" if watchdog else wanted[severity])


def test_inhibition_rules_compare_only_labels_of_all_alerts() -> None:
    # A label that is missing on both sides counts as equal, and would inhibit unrelated alerts.
    common = set.intersection(*(set(alert.all_labels) for alert in all_alerts())) | {"alertname"}
    for rule in yaml.safe_load(CONFIG.read_text())["inhibit_rules"]:
        assert set(rule["equal"]) <= common


def test_inhibition_rules_name_existing_alerts() -> None:
    names = {alert.name for alert in all_alerts()}
    rules = yaml.safe_load(CONFIG.read_text())["inhibit_rules"]
    named = set(re.findall(r"InterviewWorker\w+", str(rules)))
    assert named <= names


@pytest.fixture
def running(tmp_path: Path) -> Iterator[str]:
    url = f"http://127.0.0.1:{free_port()}"
    child = Child(
        "alertmanager",
        [
            program("alertmanager"),
            f"--config.file={CONFIG}",
            f"--storage.path={tmp_path}",
            f"--web.listen-address={url.removeprefix('http://')}",
            "--cluster.listen-address=",
        ],
        log=tmp_path / "alertmanager.log",
    )
    child.start()
    try:
        wait_until(lambda: is_ready(url), 20)
        yield url
    finally:
        child.kill()


def is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/-/ready").is_success
    except httpx2.HTTPError:
        return False


@needs("alertmanager")
def test_silences_are_listed_and_ended(running: str) -> None:
    with closing(Alertmanager(running)) as alertmanager:
        all_of_them = alertmanager.silence(
            duration=timedelta(hours=2), by="ines", reason="new disks", alert=None
        )
        one = alertmanager.silence(
            duration=timedelta(hours=1), by="ines", reason="known", alert="InterviewWorkerDown"
        )
        first, second = alertmanager.silences()
        assert (first.id, first.alert) == (one, "InterviewWorkerDown")
        assert (second.id, second.alert, second.by, second.reason) == (
            all_of_them,
            None,
            "ines",
            "new disks",
        )
        assert abs(second.until - now() - timedelta(hours=2)) < timedelta(minutes=1)
        alertmanager.end(all_of_them)
        assert [silence.id for silence in alertmanager.silences()] == [one]


@needs("alertmanager")
def test_command_line_manages_silences(running: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from worker.cli.commands import app as commands

    monkeypatch.setenv("ALERTMANAGER_URL", running)
    monkeypatch.setattr("worker.cli.silences.out", Console(width=160))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(commands, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    assert "silent for 30m" in run("silence", "--for", "30m", "--reason", "new disks")
    (line,) = (line for line in run("silences", "list").splitlines() if "new disks" in line)
    assert "ended" in run("silences", "end", line.split()[0])
    assert "Nothing is silenced" in run("silences", "list")


def test_connection_error_names_the_setting() -> None:
    with (
        closing(Alertmanager("http://127.0.0.1:9")) as alertmanager,
        pytest.raises(Transient, match="ALERTMANAGER_URL"),
    ):
        alertmanager.silences()


@pytest.mark.parametrize(("text", "minutes"), [("30m", 30), ("2h", 120), ("7d", 7 * 24 * 60)])
def test_durations_are_parsed(text: str, minutes: int) -> None:
    assert parse_duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "0m", "8d", "2w", "forever"])
def test_invalid_durations_are_rejected(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_duration(text)
