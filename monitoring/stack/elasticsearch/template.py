"""The template of the data stream that lines are written to."""

from typing import Any

from monitoring.stack.elasticsearch.fields import FIELDS

STREAM = "logs-interview_worker-default"
"""The data stream: type, dataset and namespace, by the scheme of Elastic."""

POLICY = "interview-worker-logs"

_PRIORITY = 501
"""Above those of the templates for `logs-*-*` that Elasticsearch and its agents bring."""


def template() -> dict[str, Any]:
    """The template, as `PUT _index_template/…` takes it.

    What is not in the table is not indexed, so that no field that somebody adds grows the mapping.
    """
    properties: dict[str, Any] = {}
    for field in FIELDS:
        *parents, name = field.ecs.split(".")
        place = properties
        for parent in parents:
            place = place.setdefault(parent, {"properties": {}})["properties"]
        place[name] = {"type": field.type}
    return {
        "index_patterns": [STREAM],
        "data_stream": {},
        "priority": _PRIORITY,
        "template": {
            "settings": {
                "index.lifecycle.name": POLICY,
                "index.number_of_shards": 1,
                "index.number_of_replicas": 0,
            },
            "mappings": {"dynamic": False, "properties": properties},
        },
    }
