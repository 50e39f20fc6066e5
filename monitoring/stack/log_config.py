"""`make log-config`: generates log configuration from the field mapping."""

import json
from pathlib import Path

from monitoring.stack.elasticsearch import retention, template
from monitoring.stack.fluentd import configuration
from monitoring.stack.kibana import objects

_STACK = Path(__file__).parent


def files() -> dict[Path, str]:
    """The files to write, and their contents."""
    return {
        _STACK / "fluentd" / "fluent.conf": configuration.configuration(),
        _STACK / "elasticsearch" / "policy.json": _json(retention.policy()),
        _STACK / "elasticsearch" / "template.json": _json(template.template()),
        _STACK / "kibana" / "objects.ndjson": objects.ndjson(),
    }


def _json(content: object) -> str:
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
