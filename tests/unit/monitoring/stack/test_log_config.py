"""Configuration of Fluentd, Elasticsearch and Kibana, as far as it can be tested without them."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from monitoring.logs.formats import _FIELDS
from monitoring.stack.elasticsearch import retention
from monitoring.stack.elasticsearch import template as elasticsearch
from monitoring.stack.elasticsearch.fields import FIELDS
from monitoring.stack.fluentd import configuration
from monitoring.stack.kibana import objects
from monitoring.stack.log_config import files
from monitoring.trace_context import _ATTRIBUTES
from tests.processes import ROOT

SCHEMA = json.loads((ROOT / "monitoring" / "logs" / "line.schema.json").read_text())
COLLECTOR: dict[str, Any] = yaml.safe_load(
    (ROOT / "monitoring" / "stack" / "otel" / "collector.yml").read_text()
)
_NO_SOURCE = {"searchSourceJSON": "{}"}
OBJECTS = [json.loads(line) for line in objects.ndjson().splitlines()]


def test_committed_files_are_up_to_date() -> None:
    for path, text in files().items():
        assert path.read_text() == text, f"{path}: run `make log-config`"


def test_schema_and_table_have_the_same_fields() -> None:
    assert {field.line for field in FIELDS} == set(SCHEMA["properties"])
    assert set(_FIELDS.values()) < set(SCHEMA["properties"])


def test_fields_map_to_distinct_names() -> None:
    names = [field.ecs for field in FIELDS]
    assert len(set(names)) == len(names)
    # A field cannot have a value and subfields at once.
    assert not [(a, b) for a in names for b in names if b.startswith(f"{a}.")]


def indexed(properties: dict[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, one in properties.items():
        if "properties" in one:
            found |= indexed(one["properties"], f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = one["type"]
    return found


def test_every_field_is_indexed_with_its_type() -> None:
    template = elasticsearch.template()
    mapped = indexed(template["template"]["mappings"]["properties"])
    assert mapped == {field.ecs: field.type for field in FIELDS}
    assert template["priority"] >= 501
    assert template["template"]["settings"]["index.lifecycle.name"] == elasticsearch.POLICY


def test_logs_are_deleted_within_91_days() -> None:
    phases = retention.policy()["policy"]["phases"]
    (written,) = re.findall(r"^(\d+)d$", phases["hot"]["actions"]["rollover"]["max_age"])
    (aged,) = re.findall(r"^(\d+)d$", phases["delete"]["min_age"])
    assert "delete" in phases["delete"]["actions"]
    # The age counts from the rollover; the oldest line was written when the index was created.
    assert int(written) + int(aged) <= 91


def test_set_up_scripts_name_existing_files() -> None:
    script = (ROOT / "monitoring" / "stack" / "elasticsearch" / "set-up.sh").read_text()
    assert f"_ilm/policy/{elasticsearch.POLICY} /config/elasticsearch/policy.json" in script
    assert "/config/elasticsearch/template.json" in script
    assert (
        "/config/kibana/objects.ndjson"
        in (ROOT / "monitoring" / "stack" / "kibana" / "set-up.sh").read_text()
    )


@pytest.mark.parametrize("name", ["elasticsearch", "kibana"])
def test_the_set_up_is_a_script(name: str) -> None:
    subprocess.run(
        ["/bin/sh", "-n", ROOT / "monitoring" / "stack" / name / "set-up.sh"], check=True
    )


def test_what_fluentd_reads_is_nested_as_it_must() -> None:
    opened: list[str] = []
    for line in configuration.configuration().splitlines():
        if close := re.fullmatch(r"\s*</(\w+)>", line):
            assert opened.pop() == close[1]
        elif begin := re.fullmatch(r"\s*<(\w+)(?: [^>]+)?>", line):
            opened.append(begin[1])
    assert opened == []


def test_fluentd_keeps_the_types_of_values() -> None:
    """A value keeps its type only in a single placeholder, which ends at the first brace."""
    for field in FIELDS:
        assert re.search(
            rf"^    {re.escape(field.ecs)} \$\{{[^{{}}]+\}}$",
            configuration.configuration(),
            re.MULTILINE,
        )


@pytest.mark.parametrize("setting", ["overflow_action block", "retry_forever true", "@type file"])
def test_fluentd_loses_nothing(setting: str) -> None:
    (buffer,) = re.findall(r"<buffer>(.*?)</buffer>", configuration.configuration(), re.DOTALL)
    assert setting in buffer


def test_saved_objects_refer_to_existing_objects() -> None:
    known: set[tuple[str, str]] = set()
    for one in OBJECTS:
        for reference in one["references"]:
            assert (reference["type"], reference["id"]) in known
        named = {reference["name"] for reference in one["references"]}
        texts = json.dumps(one["attributes"])
        assert set(re.findall(r'(?:indexRefName|panelRefName)\\": \\"([^\\]+)', texts)) == named
        known.add((one["type"], one["id"]))
    assert ("dashboard", objects.DASHBOARD) in known


def test_fields_used_by_kibana_are_indexed() -> None:
    names = {field.ecs for field in FIELDS}
    asked: set[str] = set()
    for one in OBJECTS:
        attributes = one["attributes"]
        asked |= set(attributes.get("columns", ()))
        asked |= {field for field, _ in attributes.get("sort", ())}
        source = json.loads(attributes.get("kibanaSavedObjectMeta", _NO_SOURCE)["searchSourceJSON"])
        asked |= set(re.findall(r"([\w.@]+):", source.get("query", {}).get("query", "")))
        for part in json.loads(attributes.get("visState", "{}")).get("aggs", ()):
            asked |= {part["params"]["field"]} if "field" in part["params"] else set()
    assert asked <= names
    assert {"log.level", "event.duration", "labels.interview_id", "service.node.name"} <= asked


def test_collector_defines_the_components_it_names() -> None:
    service = COLLECTOR["service"]
    (pipeline,) = service["pipelines"].values()
    for kind, names in pipeline.items():
        assert set(names) == set(COLLECTOR[kind])
    assert set(service["extensions"]) == set(COLLECTOR["extensions"])


def test_the_collector_decides_by_what_spans_have() -> None:
    policies = COLLECTOR["processors"]["tail_sampling"]["policies"]
    assert {one["type"] for one in policies} == {
        "status_code",
        "numeric_attribute",
        "string_attribute",
        "latency",
        "probabilistic",
    }
    keys = {one[one["type"]]["key"] for one in policies if "key" in one[one["type"]]}
    drawn = (ROOT / "monitoring" / "tracing" / "spans.py").read_text()
    assert keys == {"interview.attempt", "interview.outcome"}
    assert all(key in _ATTRIBUTES.values() or f'"{key}"' in drawn for key in keys)
