"""Everything that the documentation names exists: links, paths, modules, targets, commands."""

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

import worker.cli
from tests.processes import ROOT
from worker.plugins import CALENDAR, LANGUAGE, SPEECH
from worker.settings import Settings

PAGES = [
    page
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "monitoring" / "runbooks").glob("*.md")),
    )
    if page.exists()
]
PACKAGES = "interview_worker|tasks|monitoring|worker|tests|benchmarks|deployment"
FOLDERS = rf"(?:{PACKAGES}|docs|scripts|requirements|\.ci)"
IGNORED = {".venv", ".venv-tools", ".git", "build", "secrets", "node_modules", ".mypy_cache"}
FILES = {
    path.relative_to(ROOT).as_posix()
    for top in ROOT.iterdir()
    if top.name not in IGNORED
    for path in ([top] if top.is_file() else top.rglob("*"))
    if path.is_file()
}

GROUPS = {SPEECH.group, LANGUAGE.group, CALENDAR.group}
"""Entry points, which look like modules."""

EXAMPLES = {
    "words.txt",  # an argument of an example command
}
"""File names that belong to the reader."""

OTHER_VARIABLES = {
    "CI": "tests/requirements.py",
    "CONTRACT_CALENDAR": "tests/contract",
    "PEER": "Makefile",
    "XDG_CACHE_HOME": "tests/contract_servers/cache.py",
    "EXTRAS": "deployment/compose/core.yml",
    "FAULTS": "Makefile",
    "FUZZ_SEED": "Makefile",
    "GRAFANA_URL": "deployment/compose/monitoring.yml",
    "LOAD": "Makefile",
    "LOGGING": "Makefile",
    "PROMETHEUS": "Makefile",
    "PROMETHEUS_URL": "deployment/compose/monitoring.yml",
    "PROVIDER": "Makefile",
    "TEST_TIME_SCALE": "tests/timing.py",
    "TRACING": "Makefile",
    "UPGRADE": "Makefile",
}
"""Variables that are not settings, and the file that reads them."""

OF_LIBRARIES = {
    "CT2_FORCE_CPU_ISA": "CTranslate2",
    "OPENBLAS_CORETYPE": "OpenBLAS",
    "ORT_DISABLE_TELEMETRY": "ONNX Runtime",
    "OTEL_TRACES_SAMPLER_ARG": "OpenTelemetry",
    "TMPDIR": "Python",
}
"""Variables that a library reads."""


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def blocks(text: str) -> str:
    """The contents of code blocks, without comments and with continued lines joined."""
    found = "\n".join(re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE))
    return re.sub(r"\\\n\s*", " ", re.sub(r" # .*", "", found))


def spans(text: str) -> list[str]:
    """The contents of inline code."""
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", prose)]


def code(text: str) -> list[str]:
    return [*spans(text), *blocks(text).splitlines()]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def missing_links(page: Path, text: str) -> list[str]:
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text())):
            missing.append(target)
    return missing


def missing_paths(text: str) -> list[str]:
    return [
        word
        for part in code(text)
        for word in re.findall(rf"(?<![\w./:-])({FOLDERS}/[\w./*{{}}-]*)", part)
        if not list(ROOT.glob(word.rstrip("/.")))
    ]


def missing_files(text: str) -> list[str]:
    """File names without a folder, such as `objectives.yml`, that do not exist."""
    names = {
        span
        for span in spans(text)
        if re.fullmatch(r"[\w.-][\w./-]*\.(?:py|ya?ml|json|toml|md|lock|conf|sh|txt)", span)
    }
    return sorted(
        name
        for name in names - EXAMPLES
        if not any(file == name or file.endswith(f"/{name}") for file in FILES)
    )


def missing_modules(text: str) -> list[str]:
    pattern = rf"(?<![\w./-])((?:{PACKAGES})(?:\.[A-Za-z_]\w*)+)(?![\w/])"
    names = {name for part in code(text) for name in re.findall(pattern, part)}
    return sorted(name for name in names if name not in GROUPS and not exists(name))


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


def missing_targets(text: str) -> list[str]:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for part in code(text) for name in re.findall(r"\bmake ([a-z][a-z-]*)", part)}
    return sorted(named - known)


def wrong_commands(text: str) -> list[str]:
    return [
        line
        for part in code(text)
        for line in re.findall(r"(?<![\w./:-])(?:\.venv/bin/)?interview-worker ([a-z-].*)", part)
        if not is_command(line)
    ]


def is_command(line: str) -> bool:
    """Whether a command line names a command, and only options that the command has."""
    words = shlex.split(line.replace("…", ""), comments=True)
    command: Any = typer.main.get_group(worker.cli.app)  # type: ignore[attr-defined]
    while words and not words[0].startswith("-"):
        children = getattr(command, "commands", {})
        if not children:
            break
        if words[0] not in children:
            return False
        command = children[words.pop(0)]
    options = {
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    named = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    return named <= options | {"--help"}


def unknown_variables(text: str) -> list[str]:
    known = {name.upper() for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known} | OTHER_VARIABLES.keys() | OF_LIBRARIES.keys()
    named = {
        name
        for part in code(text)
        for name in re.findall(r"\b([A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z]{2,}(?==\S))\b", part)
    }
    return sorted(named - known)


@every_page
def test_links_resolve(page: Path) -> None:
    assert missing_links(page, page.read_text()) == []


@every_page
def test_files_exist(page: Path) -> None:
    text = page.read_text()
    assert missing_paths(text) + missing_files(text) == []


@every_page
def test_modules_exist(page: Path) -> None:
    assert missing_modules(page.read_text()) == []


@every_page
def test_make_targets_exist(page: Path) -> None:
    assert missing_targets(page.read_text()) == []


@every_page
def test_commands_and_their_options_exist(page: Path) -> None:
    assert wrong_commands(page.read_text()) == []


@every_page
def test_settings_exist(page: Path) -> None:
    assert unknown_variables(page.read_text()) == []


@pytest.mark.parametrize(("name", "place"), OTHER_VARIABLES.items())
def test_other_variables_are_read(name: str, place: str) -> None:
    path = ROOT / place
    texts = [path] if path.is_file() else path.rglob("*.py")
    assert any(re.search(rf"\b{name}\b", file.read_text()) for file in texts)


def test_missing_things_are_detected() -> None:
    text = (
        "`worker/gone.py`, `gone.yml`, `tasks.gone.Name`, `make gone`, `interview-worker gone`, "
        "`interview-worker list --gone`, `GONE_SETTING`, [page](gone.md), [part](README.md#gone)"
    )
    assert missing_paths(text) == ["worker/gone.py"]
    assert missing_files(text) == ["gone.yml", "worker/gone.py"]
    assert missing_modules(text) == ["tasks.gone.Name"]
    assert missing_targets(text) == ["gone"]
    assert wrong_commands(text) == ["gone", "list --gone"]
    assert unknown_variables(text) == ["GONE_SETTING"]
    assert missing_links(ROOT / "README.md", text) == ["gone.md", "README.md#gone"]


def test_pages_are_found() -> None:
    folders = {page.parent.name for page in PAGES}
    assert folders >= {"how-to", "reference", "explanation", "adr", "runbooks"}
