"""What `make contract-servers` says and how it ends, without any server."""

import re
from pathlib import Path

import pytest
import yaml

from tests.compose import load
from tests.contract_servers import __main__ as command
from tests.contract_servers import cache
from tests.contract_servers.cache import PINNED, NotAvailable
from tests.contract_servers.peers import PEERS, Peer
from tests.contract_servers.results import Result, read, summary
from tests.contract_servers.tracing import CONFIGURATION
from tests.processes import ROOT

REPORT = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><failure message="no"/></testcase>
<testcase name="c"><skipped type="pytest.skip" message="not here"/></testcase>
<testcase name="d"><skipped type="pytest.xfail" message="has none"/></testcase>
</testsuite></testsuites>"""


def absent() -> dict[str, str]:
    raise NotAvailable("no go on this machine")


def test_a_peer_that_cannot_be_had_is_named_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "PEERS", (Peer("kafka", "4", absent),))
    assert command.main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "kafka 4: not available: no go on this machine"
    )


def test_a_suite_that_fails_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "test_broken.py"
    suite.write_text("def test_is_broken():\n    assert False\n")
    monkeypatch.setattr(command, "PEERS", (Peer("promtool", "3", dict, (str(suite),)),))
    assert command.main(["promtool"]) == 1
    assert "promtool 3: broken: 0 passed, 1 failed, 0 skipped" in capsys.readouterr().out


def test_an_unknown_peer_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["oracle"]) == 2
    assert "no such peer: oracle" in capsys.readouterr().err


def test_counts_what_pytest_reports(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    result = read("x", "1", ("tests/test_a.py",), report, 1)
    assert (result.passed, result.failed, result.skipped) == (1, 1, 1)
    assert next(iter(summary([result]))) == "x lacks: d: has none"
    assert result.is_failure


def test_a_run_without_a_report_or_a_test_is_a_failure(tmp_path: Path) -> None:
    assert read("x", "1", (), tmp_path / "none.xml", 3).is_failure
    assert Result("x", "1").is_failure


def test_a_build_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def build(place: Path) -> None:
        (place / "half").touch()
        cache.run(["false"])

    with pytest.raises(NotAvailable, match="`false` failed: no word"):
        cache.kept("kafka", "4", build)
    assert not list(cache.cache_directory().glob("*/*"))
    made = cache.kept("kafka", "4", lambda place: (place / "whole").touch())
    assert [file.name for file in made.iterdir()] == ["whole"]
    assert cache.kept("kafka", "4", build) == made


def test_suites_are_there_and_names_differ() -> None:
    names = [peer.name for peer in PEERS]
    assert len(set(names)) == len(names)
    assert all((ROOT / suite).is_file() for peer in PEERS for suite in peer.suites)


def test_a_peer_lacks_something_for_tests_that_there_are() -> None:
    for peer in PEERS:
        for suite, lacking in peer.lacks.items():
            (file,) = (ROOT / one for one in peer.suites if one.endswith(f"/test_{suite}.py"))
            assert {test for test in lacking if f"def {test}(" not in file.read_text()} == set()


def test_what_is_pinned_names_no_registry() -> None:
    pinned = [file for file in PINNED.rglob("*") if file.is_file()]
    assert {file.name for file in pinned} == {
        *("go.mod", "go.sum", "main.go", "main_others.go", "components.go", "manifest.yaml"),
        *("pom.xml", "SHA256SUMS"),
    }
    assert not [file for file in pinned if re.search(r"https?://", file.read_text())]


def test_the_collector_is_the_one_in_compose_with_the_parts_that_we_configure() -> None:
    (peer,) = (peer for peer in PEERS if peer.name == "collector")
    image = load()["services"]["otel-collector"]["image"]
    assert image == f"otel/opentelemetry-collector-contrib:{peer.version}"
    configured = yaml.safe_load(CONFIGURATION.read_text())
    built = yaml.safe_load((PINNED / "collector" / "manifest.yaml").read_text())
    for kind in ("receiver", "processor", "exporter", "extension"):
        modules = [part["gomod"].split()[0].rsplit("/", 1)[1] for part in built[f"{kind}s"]]
        wanted = {name.partition("/")[0].replace("_", "") for name in configured[f"{kind}s"]}
        assert {module.removesuffix(kind) for module in modules} == wanted
    modules = [part["gomod"] for kind in configured if kind != "service" for part in built[kind]]
    pinned = (PINNED / "collector" / "go.mod").read_text()
    assert [module for module in modules if module not in pinned] == []
