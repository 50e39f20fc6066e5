"""Kibana's saved objects: a data view, searches, and a dashboard.

https://www.elastic.co/guide/en/kibana/8.15/saved-objects-api-import.html
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.stack.elasticsearch.template import STREAM

VIEW = "interview-worker-logs"
DASHBOARD = "interview-worker-operations"

_VERSION = "8.15.3"
_SOURCE_REF = "kibanaSavedObjectMeta.searchSourceJSON.index"


@dataclass(frozen=True, slots=True)
class _Search:
    id: str
    title: str
    columns: Sequence[str]
    query: str
    sort: str = "@timestamp"


_SEARCHES = (
    _Search(
        "interview-worker-errors",
        "Errors",
        ("service.node.name", "event.action", "error.type", "message", "labels.interview_id"),
        "log.level: (ERROR or WARN)",
    ),
    _Search(
        "interview-worker-slowest",
        "Slowest operations",
        ("event.action", "event.duration", "service.node.name", "labels.interview_id"),
        "event.duration: *",
        sort="event.duration",
    ),
    _Search(
        "interview-worker-story",
        "Timeline of one interview (add labels.interview_id to the query)",
        ("service.node.name", "event.action", "labels.attempt", "message", "trace.id"),
        "labels.interview_id: *",
    ),
)


def saved_objects() -> list[dict[str, Any]]:
    """All objects, in order of dependency."""
    view = {
        "type": "index-pattern",
        "id": VIEW,
        "attributes": {
            "title": STREAM,
            "name": "Interview Worker: logs",
            "timeFieldName": "@timestamp",
        },
        "references": [],
    }
    chart = _errors_by_component()
    return [view, *map(_search, _SEARCHES), chart, _dashboard([chart["id"]])]


def ndjson() -> str:
    """The objects in Kibana's import format."""
    lines = ({**one, "coreMigrationVersion": _VERSION} for one in saved_objects())
    return "".join(f"{json.dumps(one, sort_keys=True)}\n" for one in lines)


def _source(query: str) -> dict[str, str]:
    source = {
        "query": {"language": "kuery", "query": query},
        "filter": [],
        "indexRefName": _SOURCE_REF,
    }
    return {"searchSourceJSON": json.dumps(source)}


def _of_view() -> dict[str, str]:
    return {"name": _SOURCE_REF, "type": "index-pattern", "id": VIEW}


def _search(search: _Search) -> dict[str, Any]:
    return {
        "type": "search",
        "id": search.id,
        "attributes": {
            "title": f"Interview Worker: {search.title}",
            "columns": list(search.columns),
            "sort": [[search.sort, "desc"]],
            "kibanaSavedObjectMeta": _source(search.query),
        },
        "references": [_of_view()],
    }


def _errors_by_component() -> dict[str, Any]:
    title = "Interview Worker: errors by component"
    state = {
        "title": title,
        "type": "histogram",
        "params": {"addLegend": True, "legendPosition": "right"},
        "aggs": [
            {"id": "1", "enabled": True, "type": "count", "schema": "metric", "params": {}},
            {
                "id": "2",
                "enabled": True,
                "type": "date_histogram",
                "schema": "segment",
                "params": {"field": "@timestamp", "interval": "auto", "min_doc_count": 1},
            },
            {
                "id": "3",
                "enabled": True,
                "type": "terms",
                "schema": "group",
                "params": {
                    "field": "service.node.name",
                    "orderBy": "1",
                    "order": "desc",
                    "size": 10,
                },
            },
        ],
    }
    return {
        "type": "visualization",
        "id": "interview-worker-errors-by-component",
        "attributes": {
            "title": title,
            "visState": json.dumps(state),
            "uiStateJSON": "{}",
            "kibanaSavedObjectMeta": _source("log.level: (ERROR or WARN)"),
        },
        "references": [_of_view()],
    }


def _dashboard(charts: Sequence[str]) -> dict[str, Any]:
    shown = [*(("visualization", one) for one in charts), *(("search", s.id) for s in _SEARCHES)]
    panels = list(_panels(shown))
    return {
        "type": "dashboard",
        "id": DASHBOARD,
        "attributes": {
            "title": "Interview Worker: operations",
            "description": "Errors by component, slowest operations, timeline of one interview.",
            "timeRestore": True,
            "timeFrom": "now-24h",
            "timeTo": "now",
            "panelsJSON": json.dumps(panels),
            "optionsJSON": json.dumps({"useMargins": True, "hidePanelTitles": False}),
            "kibanaSavedObjectMeta": {
                "searchSourceJSON": json.dumps(
                    {"query": {"language": "kuery", "query": ""}, "filter": []}
                )
            },
        },
        "references": [
            {"name": panel["panelRefName"], "type": kind, "id": one}
            for panel, (kind, one) in zip(panels, shown, strict=True)
        ],
    }


def _panels(shown: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for number, (kind, _) in enumerate(shown):
        yield {
            "panelIndex": str(number),
            "panelRefName": f"panel_{number}",
            "type": kind,
            "gridData": {"i": str(number), "x": 0, "y": 15 * number, "w": 48, "h": 15},
            "embeddableConfig": {},
        }
