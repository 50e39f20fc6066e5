"""`make log-config`: writes what is made of the table of fields."""

import json
from pathlib import Path

from monitoring.aggregation import elasticsearch, fluentd, kibana, retention

_MONITORING = Path(__file__).parent.parent


def files() -> dict[Path, str]:
    """The files, and what is in them."""
    return {
        _MONITORING / "fluentd" / "fluent.conf": fluentd.configuration(),
        _MONITORING / "elasticsearch" / "policy.json": _json(retention.policy()),
        _MONITORING / "elasticsearch" / "template.json": _json(elasticsearch.template()),
        _MONITORING / "kibana" / "objects.ndjson": kibana.ndjson(),
    }


def _json(content: object) -> str:
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
