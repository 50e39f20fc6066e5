"""Dashboards follow the rules of Grafana's dashboard-linter, and have all specified panels.

https://github.com/grafana/dashboard-linter/blob/main/docs/index.md
"""

import json
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import units
from pydantic import ConfigDict, TypeAdapter

from monitoring.metrics import HTTP_REQUESTS, INTERVIEWS_ACTIVE
from monitoring.stack import thresholds
from monitoring.stack.grafana.__main__ import PLACE
from monitoring.stack.grafana.build import as_text, built
from monitoring.stack.grafana.catalogue import DASHBOARDS
from monitoring.stack.grafana.panels import Dashboard, Panel, Visualization
from monitoring.stack.grafana.queries import series
from monitoring.stack.prometheus import objectives, recording
from monitoring.stack.prometheus.rules import Recording
from monitoring.stack.thresholds import Threshold
from tests.dashboards.check import exported, readable, selectors

EACH = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.uid)
PANELS = [(board, panel) for board in DASHBOARDS for panel in board.panels]
EACH_PANEL = pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS], ids=[f"{b.uid}-{p.title}" for b, p in PANELS]
)

RECORDED = {
    rule.name
    for group in (*recording.GROUPS, *objectives.groups())
    for rule in group.rules
    if isinstance(rule, Recording) and ":" in rule.name
}

PROMISED = {
    "interview-worker-production": [
        *("Health", "Uptime", "Active interviews", "Queue length", "Error rate"),
        *("API response time", "Interview processing time", "Transcription latency (p95)"),
        *("Analysis time (p95)", "CPU", "Memory", "Database connections", "Cache hit rate"),
        *("Network I/O", "Service response time (p95)", "Speech providers", "Calendars"),
        *("Broker throughput", "Kafka throughput"),
    ],
    "interview-worker-interviews": [
        *("Interviews by stage", "Attempt duration (p95)", "Work by stage", "Success by type"),
        *("Queue depth", "Processing rate"),
    ],
    "interview-worker-analysis": [
        *("Comparison", "Response time (p95)", "Tokens", "Cost per hour", "Cost by model"),
        *("Reviewer agreement", "Confidence", "Fallbacks"),
    ],
    "interview-worker-transcription": [
        *("Audio by mode", "Real-time factor (p95)", "Signal-to-noise ratio", "Silence"),
        *("Clipping", "Comparison", "Errors", "Recovery rate"),
    ],
}
"""The specified panels."""


def as_json(dashboard: Dashboard) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(as_text(dashboard))
    return found


def variables(dashboard: Dashboard) -> dict[str, Any]:
    return {one["name"]: one for one in as_json(dashboard)["templating"]["list"]}


@EACH
def test_committed_file_is_up_to_date(dashboard: Dashboard) -> None:
    assert (PLACE / f"{dashboard.uid}.json").read_text() == as_text(dashboard), "make dashboards"


def test_no_other_files_are_committed() -> None:
    assert {file.stem for file in PLACE.iterdir()} == {one.uid for one in DASHBOARDS}


@EACH
def test_all_specified_panels_exist(dashboard: Dashboard) -> None:
    assert set(PROMISED[dashboard.uid]) <= {panel.title for panel in dashboard.panels}


@EACH
def test_the_data_source_can_be_chosen(dashboard: Dashboard) -> None:
    chosen = variables(dashboard)["datasource"]
    assert (chosen["type"], chosen["query"], chosen["label"]) == (
        "datasource",
        "prometheus",
        "Data source",
    )


@EACH
@pytest.mark.parametrize("name", ["job", "instance"])
def test_job_and_instance_can_be_chosen(dashboard: Dashboard, name: str) -> None:
    chosen = variables(dashboard)[name]
    assert chosen["type"] == "query"
    assert chosen["label"] == name.capitalize()
    assert chosen["datasource"]["uid"] == "${datasource}"
    assert chosen["multi"]
    assert chosen["includeAll"]
    assert chosen["allValue"] == ".+"
    assert chosen["refresh"] == 2
    inner = chosen["query"].removeprefix("label_values(").rpartition(",")[0]
    promql_parser.parse(readable(inner))


@EACH
def test_dashboards_are_not_editable(dashboard: Dashboard) -> None:
    assert as_json(dashboard)["editable"] is False


@EACH
def test_panels_have_numbers_of_their_own_and_do_not_overlap(dashboard: Dashboard) -> None:
    panels = as_json(dashboard)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells


@EACH
def test_every_panel_links_to_runbook_logs_and_traces(dashboard: Dashboard) -> None:
    panels = [one for one in as_json(dashboard)["panels"] if one["type"] != "row"]
    for panel, given in zip(panels, dashboard.panels, strict=True):
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        titles = [link["title"] for link in panel["links"]]
        runbooks = [f"Runbook: {limit.alert}" for limit in given.limits]
        assert titles == [*runbooks, "Logs", "Traces"]


@EACH
def test_deployments_and_alerts_are_annotated(dashboard: Dashboard) -> None:
    noted = {one["name"]: one for one in as_json(dashboard)["annotations"]["list"]}
    assert set(noted) == {"Deployments", "New versions", "Firing alerts"}
    for name in ("New versions", "Firing alerts"):
        for selector in selectors(noted[name]["target"]["expr"]):
            assert selector.name in exported()


@EACH_PANEL
def test_dashboards_and_panels_have_descriptions(panel: Panel) -> None:
    assert panel.title
    assert panel.description.endswith(".")
    assert panel.queries
    assert panel.unit in {value for name, value in vars(units).items() if name[0].isupper()}


@EACH_PANEL
def test_queries_are_valid(panel: Panel) -> None:
    for query in panel.queries:
        found = list(selectors(query.expression))
        assert found, query.expression
        for selector in found:
            assert selector.name in exported() | RECORDED
            matchers = {
                (one.name, one.value)
                for one in selector.matchers.matchers
                if one.op == promql_parser.MatchOp.Re
            }
            # Recorded series cover all instances.
            wanted = (
                {("job", "j")} if selector.name in RECORDED else {("job", "j"), ("instance", "i")}
            )
            assert wanted <= matchers


@EACH_PANEL
def test_counters_are_queried_as_rates(panel: Panel) -> None:
    for query in panel.queries:
        # Series that first appear with their first event are counted by their age.
        open_ended = "count_over_time" in query.expression
        for function, name, window in ranges(promql_parser.parse(readable(query.expression))):
            if open_ended and function in ("count_over_time", "sum_over_time"):
                continue
            assert function in ("rate", "increase"), query.expression
            assert window == ("1m" if function == "rate" else "1h"), query.expression
            assert name.endswith(("_total", "_bucket", "_sum", "_count"))
        bare = {one.name for one in selectors(query.expression)} - {
            name for _, name, _ in ranges(promql_parser.parse(readable(query.expression)))
        }
        # The name of this gauge was specified.
        assert not [n for n in bare - {INTERVIEWS_ACTIVE.name} if n.endswith("_total")]


def ranges(node: Any, function: str = "") -> Iterator[tuple[str, str, str]]:
    """The function, the metric and the window of each range selector."""
    if isinstance(node, promql_parser.MatrixSelector):
        seconds = node.range.total_seconds()
        yield function, str(node.vector_selector.name), {60: "1m", 3600: "1h"}[int(seconds)]
        return
    if isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from ranges(argument, node.func.name)
        return
    for name in ("expr", "lhs", "rhs"):
        child = getattr(node, name, None)
        if child is not None:
            yield from ranges(child, function)


@EACH
def test_thresholds_are_those_of_the_alerts(dashboard: Dashboard) -> None:
    panels = [one for one in as_json(dashboard)["panels"] if one["type"] != "row"]
    known = [one for one in vars(thresholds).values() if isinstance(one, Threshold)]
    for panel, given in zip(panels, dashboard.panels, strict=True):
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        drawn = {step["value"] for step in steps} - {None}
        assert drawn == {limit.value for limit in given.limits}
        assert all(limit in known for limit in given.limits)


@EACH
def test_attributes_have_the_declared_types(dashboard: Dashboard) -> None:
    """The SDK checks no types at run time, and Grafana ignores unknown values."""
    check_types(built(dashboard))


@EACH
def test_fields_are_known_to_grafana(dashboard: Dashboard) -> None:
    read = models.Dashboard.from_json(as_json(dashboard))
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == as_json(dashboard)


def check_types(value: Any) -> None:
    """Check that all attributes of a model have the types that the SDK declares."""
    if isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            check_types(one)
    if not type(value).__module__.startswith("grafana_foundation_sdk") or isinstance(value, Enum):
        return
    for name, declared in typing.get_type_hints(type(value)).items():
        found = getattr(value, name)
        # A target for Grafana's own annotations, which is not a query type in the SDK.
        if not isinstance(found, models.AnnotationTarget):
            adapter = TypeAdapter[Any](declared, config=ConfigDict(arbitrary_types_allowed=True))
            adapter.validate_python(found)
            check_types(found)


def test_wrong_type_is_detected() -> None:
    wrong = built(DASHBOARDS[0])
    assert wrong.panels
    wrong.panels[1].title = 5  # type: ignore[assignment]
    with pytest.raises(ValueError, match="string"):
        check_types(wrong)


def test_unknown_label_is_an_error() -> None:
    with pytest.raises(ValueError, match="http_requests_total has no label stage"):
        series(HTTP_REQUESTS, stage="transcribe")


def test_every_visualization_is_used() -> None:
    assert {panel.visualization for _, panel in PANELS} == set(Visualization)
