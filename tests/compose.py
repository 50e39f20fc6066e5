"""Loader of docker-compose.yml that follows `include`.

The files are merged by the rules of the Compose Specification: each included file adds its
resources, and two files must not define the same resource
(https://github.com/compose-spec/compose-spec/blob/main/14-include.md).
"""

from pathlib import Path
from typing import Any

import yaml

from tests.processes import ROOT

COMPOSE_FILE = ROOT / "docker-compose.yml"
RESOURCES = ("services", "networks", "volumes", "configs", "secrets")


def included(file: Path) -> list[Path]:
    """Return the files that a Compose file includes, in order.

    Raises:
        ValueError: The project directory of an included file is not the folder of `file`. Its
            paths and its `.env` would be relative to another folder.
    """
    paths = []
    for entry in yaml.safe_load(file.read_text()).get("include", ()):
        path = file.parent / entry["path"]
        if file.parent / entry.get("project_directory", path.parent) != file.parent:
            message = f"{path} is included without 'project_directory: .'"
            raise ValueError(message)
        paths.append(path)
    return paths


def load(file: Path = COMPOSE_FILE) -> dict[str, Any]:
    """Return a Compose file and the files that it includes as one model.

    Raises:
        ValueError: Two files define the same resource.
    """
    model: dict[str, Any] = yaml.safe_load(file.read_text())
    model.pop("include", None)
    for path in included(file):
        imported = load(path)
        for kind in RESOURCES:
            _add(imported.get(kind, {}), model.setdefault(kind, {}), f"{path}: {kind}")
    return model


def _add(imported: dict[str, Any], resources: dict[str, Any], origin: str) -> None:
    if twice := imported.keys() & resources.keys():
        message = f"{origin} {sorted(twice)} are defined in another file, too"
        raise ValueError(message)
    resources.update(imported)
