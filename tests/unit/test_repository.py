"""The files of the repository."""

import subprocess

import pytest

from tests.processes import ROOT

KNOWN = {
    ".ci",
    ".devcontainer",
    ".dockerignore",
    ".editorconfig",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "deployment",
    "docker-compose.yml",
    "docs",
    "interview_worker",
    "monitoring",
    "pyproject.toml",
    "requirements",
    "scripts",
    "tasks",
    "tests",
    "worker",
}


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is no clone: nothing tells which files belong to it")
    return listed.stdout.split("\0")[:-1]


def test_root_contains_only_expected_files() -> None:
    assert {path.split("/")[0] for path in tracked()} <= KNOWN


def test_build_products_are_not_tracked() -> None:
    built = (".dist-info/", ".egg-info/", "__pycache__/", ".pyc", "/node_modules/")
    assert [path for path in tracked() if any(part in path for part in built)] == []
