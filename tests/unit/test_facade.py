"""The package that plugin authors import from."""

import re
from importlib.resources import files
from typing import Any

import pytest

import interview_worker
from interview_worker import Context
from tests.processes import ROOT
from worker.settings import Settings

PAGE = (ROOT / "docs" / "how-to" / "add-a-provider.md").read_text()


@pytest.mark.parametrize("name", interview_worker.__all__)
def test_all_exported_names_exist(name: str) -> None:
    assert getattr(interview_worker, name) is not None


def test_package_is_typed() -> None:
    assert (files("interview_worker") / "py.typed").is_file()


def test_documented_provider_can_be_created() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert "from interview_worker import" in example
    namespace: dict[str, Any] = {}
    exec(example, namespace)  # noqa: S102 - it is ours
    unused: Any = None
    context = Context(Settings(), breaker=unused, bill=unused)
    assert namespace["open_provider"](context).name == "acme"
