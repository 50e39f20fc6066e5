"""Index template of the log data stream."""

from typing import Any

from monitoring.stack.elasticsearch.fields import FIELDS

STREAM = "logs-interview_worker-default"
"""The data stream: type, dataset and namespace, by Elastic's naming scheme."""

POLICY = "interview-worker-logs"

_PRIORITY = 501
"""Higher than the built-in templates for `logs-*-*`."""


def template() -> dict[str, Any]:
    """The template in the format of `PUT _index_template/…`.

    Unmapped fields are not indexed, so that new fields do not grow the mapping.
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
