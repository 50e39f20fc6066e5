"""`docker-compose.yml` and the files it includes, against the specification and our code.

These tests need no container engine: they check that names, paths and ports exist.
"""

import importlib
import json
import re
import shlex
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from deployment.secrets import make
from monitoring.stack.grafana.__main__ import PLACE
from monitoring.stack.prometheus.alerts import EXPORTERS
from tasks.interviews.interview import Stage
from tasks.pipeline.queues import QUEUES
from tasks.pipeline.runner import task_name
from tests.compose import COMPOSE_FILE, RESOURCES, included, load
from tests.image import number_of_bytes
from tests.processes import ROOT
from worker.settings import Settings, load_settings

COMPOSE: dict[str, Any] = load()
FILES = [COMPOSE_FILE, *included(COMPOSE_FILE)]
LOGGING_DRIVER = ROOT / "deployment" / "compose" / "logging-driver.yml"
PROMETHEUS = ROOT / "monitoring" / "stack" / "prometheus" / "prometheus.yml"
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = [name for name, one in SERVICES.items() if one["image"] == "interview-worker:0.1.0"]
WORKERS = [name for name in OURS if SERVICES[name]["command"][:1] == ["worker"]]
EACH = pytest.mark.parametrize("name", SERVICES)
EACH_OF_OURS = pytest.mark.parametrize("name", OURS)
EACH_WORKER = pytest.mark.parametrize("name", WORKERS)

SILENT = {"mongodb-exporter", "redis-exporter", "kafka-exporter", "otel-collector", "jaeger"}
"""Images without a program for a health check; Prometheus' metric `up` reports them."""

JOBS = {"elasticsearch-set-up", "kibana-set-up"}
"""Services that run once and exit."""

GIVEN = {"openai_api_key", "anthropic_api_key"}
"""Secrets that come from a vendor and cannot be generated."""

PORTS = {
    "sidecar": 3001,
    "flower": 5555,
    "calendar": 5232,
    "redis": 6379,
    "mongodb": 27017,
    "kafka": 9092,
    "celery-exporter": 9808,
    "mongodb-exporter": 9216,
    "redis-exporter": 9121,
    "kafka-exporter": 9308,
    "node-exporter": 9100,
    "blackbox-exporter": 9115,
    "prometheus": 9090,
    "alertmanager": 9093,
    "grafana": 3000,
    "otel-collector": 4318,
    "jaeger": 16686,
    "fluentd": 24224,
    "elasticsearch": 9200,
    "kibana": 5601,
}
"""The port of each image, from its documentation."""


def test_files_match_the_compose_specification() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    arguments = ["--builtin-schema", "vendor.compose-spec", *map(str, FILES)]
    checked = subprocess.run(
        [program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("kind", RESOURCES)
def test_no_resource_is_defined_twice(kind: str) -> None:
    # PyYAML keeps the last of two equal keys, so the names are read from the nodes.
    names = [name for file in FILES for name in _names(file, kind)]
    assert len(names) == len(set(names))
    assert set(names) == set(COMPOSE.get(kind, ()))


def test_duplicate_resource_in_two_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("volumes: {data: {}}")
    file = tmp_path / "compose.yml"
    file.write_text("include: [{path: a.yml}]\nvolumes: {data: {}}")
    with pytest.raises(ValueError, match="data"):
        load(file)


def test_an_included_file_needs_the_project_directory(tmp_path: Path) -> None:
    file = tmp_path / "compose.yml"
    file.write_text("include: [{path: parts/a.yml}]")
    with pytest.raises(ValueError, match="project_directory"):
        load(file)


@EACH
def test_references_resolve(name: str) -> None:
    service = SERVICES[name]
    networks = {"default", *COMPOSE.get("networks", ())}
    volumes = {source for mount in service.get("volumes", ()) if (source := mount.split(":")[0])}
    assert set(service.get("depends_on", ())) <= set(SERVICES)
    assert set(service.get("networks", ())) <= networks
    assert {source for source in volumes if source[0] not in "./"} <= set(COMPOSE["volumes"])
    assert set(service.get("configs", ())) <= set(COMPOSE.get("configs", ()))
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])


def test_all_files_harden_containers_the_same_way() -> None:
    # Anchors do not cross files, so each file repeats them.
    first, *others = (yaml.safe_load(file.read_text())["x-hardened"] for file in FILES[1:])
    assert others == [first] * len(others)


def test_logging_driver_is_set_for_our_services_only() -> None:
    assert {*_names(LOGGING_DRIVER, "services")} == {*OURS} - {"calendar"}


def test_all_services_are_defined() -> None:
    assert set(SERVICES) == {*WORKERS, *JOBS, *PORTS}


@EACH
def test_images_are_pinned(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(-alpine)?", SERVICES[name]["image"])


def test_base_images_are_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases
    for base in bases:
        assert re.search(r":v?\d+\.\d+\.\d+(-slim-bookworm|-debian-\d\.\d)?$", base)


def test_the_user_of_the_image_is_a_number() -> None:
    # Kubernetes' runAsNonRoot refuses an image whose user is a name.
    user = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1]
    assert re.fullmatch(r"\d+:\d+", user)
    assert {SERVICES[name]["user"] for name in OURS} == {user}


def test_image_and_compose_have_the_same_extras() -> None:
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)", DOCKERFILE, re.MULTILINE)
    for name in OURS:
        assert SERVICES[name]["build"]["args"]["EXTRAS"] == f"${{EXTRAS:-{extras}}}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()


@pytest.mark.parametrize(
    ("shown", "size"), [("704 MB", 704e6), ("1.12 GB", 1.12e9), ("38.4 kB", 38400)]
)
def test_size_of_an_image_is_read_as_buildah_shows_it(shown: str, size: float) -> None:
    assert number_of_bytes(shown) == pytest.approx(size)


@EACH
def test_containers_are_hardened_and_limited(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@EACH
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for published in SERVICES[name].get("ports", ()):
        host, _, container = published.split(":")
        assert host == "127.0.0.1"
        assert int(container) == PORTS[name]


@EACH
def test_services_have_health_checks(name: str) -> None:
    assert ("healthcheck" in SERVICES[name]) is (name not in SILENT | JOBS)


@EACH
def test_dependencies_must_be_healthy(name: str) -> None:
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        if other in JOBS:
            assert condition == {"condition": "service_completed_successfully"}
            assert SERVICES[other]["restart"] == "no"
        else:
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[other]


@EACH
def test_mounted_directories_and_volumes_exist(name: str) -> None:
    for mount in SERVICES[name].get("volumes", ()):
        source, target, *options = mount.split(":")
        assert target.startswith("/")
        if source == "/":
            assert (name, target, options) == ("node-exporter", "/host", ["ro"])
        elif source.startswith("./"):
            assert options == ["ro"]
            assert (ROOT / source).is_dir()
        else:
            assert source in COMPOSE["volumes"]


@EACH
def test_secrets_are_generated(name: str, tmp_path: Path) -> None:
    make(tmp_path)
    for secret in SERVICES[name].get("secrets", ()):
        path = Path(COMPOSE["secrets"][secret]["file"])
        assert path.parent == Path("secrets")
        assert bool((tmp_path / path.name).read_text()) is (secret not in GIVEN)
    for path in map(Path, SERVICES[name].get("env_file", ())):
        assert re.fullmatch(r"[A-Z_]+=\S+\n", (tmp_path / path.name).read_text())


@EACH_OF_OURS
def test_environment_variables_are_settings(name: str) -> None:
    fields = Settings.model_fields
    for variable, value in SERVICES[name].get("environment", {}).items():
        setting = variable.removesuffix("_FILE").lower()
        assert setting in fields
        if variable.endswith("_FILE"):
            assert SecretStr in (fields[setting].annotation, *_arguments(fields[setting]))
            assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sidecar", *WORKERS, "flower"])
def test_settings_have_the_addresses_of_the_services(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    for variable, value in _environment(name):
        secret = value.replace("/run/secrets", str(tmp_path))
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-(.*)\}", r"\1", secret))
    settings = load_settings()
    for server in ("redis_url", "mongodb_url", "kafka_bootstrap_servers", "caldav_url"):
        address = getattr(settings, server)
        text = address.get_secret_value() if isinstance(address, SecretStr) else address
        found = re.match(r"(?:\w+://)?(?:.*@)?([a-z]+):(\d+)", text)
        assert found is not None
        assert PORTS[found[1]] == int(found[2])
    assert settings.keys_required
    assert settings.webhook_secrets


@pytest.mark.slow
@EACH_OF_OURS
def test_command_exists(name: str) -> None:
    service = SERVICES[name]
    if "entrypoint" in service:
        program, _, module, *_ = service["entrypoint"]
        assert program == "python"
        importlib.import_module(module)
        return
    command = [str(part) for part in service["command"]]
    program = str(Path(sys.executable).with_name("interview-worker"))
    known = subprocess.run(
        [program, command[0], "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(part in known for part in command if part.startswith("--"))


@EACH_OF_OURS
def test_health_check_is_valid_python(name: str) -> None:
    how, program, flag, code = SERVICES[name]["healthcheck"]["test"]
    assert (how, program, flag) == ("CMD", "python", "-c")
    compile(code, name, "exec")
    for module in re.findall(r"from (\S+) import", code):
        importlib.import_module(module)


def test_queues_are_divided_between_a_worker_for_transcriptions_and_one_for_the_rest() -> None:
    queues = {name: set(_option(name, "--queues").split(",")) for name in WORKERS}
    assert queues["worker-transcribe"] == {task_name(Stage.TRANSCRIBE)}
    assert sorted(queue for each in queues.values() for queue in each) == sorted(QUEUES)


@EACH_WORKER
def test_health_check_of_a_worker_asks_for_its_own_name(name: str) -> None:
    code = SERVICES[name]["healthcheck"]["test"][-1]
    assert f"node_name('{_option(name, '--name')}')" in code


def test_sidecar_is_healthy_before_the_workers_that_wait_for_it() -> None:
    # /health/ready names dead workers, so a worker that waits for it would never be started again.
    assert "/health/live'" in SERVICES["sidecar"]["healthcheck"]["test"][-1]
    for name in WORKERS:
        assert "sidecar" in SERVICES[name]["depends_on"]


@pytest.mark.parametrize("name", ["sidecar", *WORKERS])
def test_stop_grace_period_exceeds_shutdown_grace(name: str) -> None:
    seconds = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    delay = int(SERVICES[name]["environment"].get("SHUTDOWN_DELAY", 0))
    assert delay + Settings.model_fields["shutdown_grace"].default + 10 < seconds


@EACH_WORKER
def test_workers_and_sidecar_share_the_metrics_directory(name: str) -> None:
    place = SERVICES["sidecar"]["environment"]["METRICS_DIR"]
    for each in (name, "sidecar"):
        assert SERVICES[each]["environment"]["METRICS_DIR"] == place
        assert f"figures:{place}" in SERVICES[each]["volumes"]
    assert f" {place} " in DOCKERFILE.replace(" /data ", " ")


def test_existing_secrets_are_not_changed(tmp_path: Path) -> None:
    make(tmp_path / "secrets")
    before = {file: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    (tmp_path / "secrets" / "redis_url").unlink()
    make(tmp_path / "secrets")
    assert {file: file.read_text() for file in (tmp_path / "secrets").iterdir()} == before
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_secrets_are_excluded_from_git_and_the_image() -> None:
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert allowed[0] == "*"
    assert "!secrets" not in allowed


def test_copied_files_are_in_the_build_context() -> None:
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = shlex.split(line)
        for source in sources:
            assert f"!{source}" in allowed
            assert (ROOT / source).exists()


def test_environment_of_the_image_consists_of_settings() -> None:
    (block,) = re.findall(r"^ENV PATH=.*?(?=^\w)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    names = set(re.findall(r"(\w+)=", block)) - {"PATH", "PYTHONUNBUFFERED", "HF_HUB_OFFLINE"}
    assert {name.lower() for name in names} <= set(Settings.model_fields)


def test_prometheus_targets_exist() -> None:
    config = yaml.safe_load(PROMETHEUS.read_text())
    names = {"localhost": "prometheus", "interview-worker": "sidecar"}
    targets = [target for job in config["scrape_configs"] for target in _addresses(job)]
    targets += [
        target
        for manager in config["alerting"]["alertmanagers"]
        for group in manager["static_configs"]
        for target in group["targets"]
    ]
    assert targets
    for target in targets:
        host, _, port = target.partition(":")
        assert PORTS[names.get(host, host)] == int(port)
    assert SERVICES["sidecar"]["networks"]["default"]["aliases"] == ["interview-worker"]


def test_prometheus_scrapes_all_exporters() -> None:
    jobs = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    scraped = {target.partition(":")[0] for job in jobs for target in _addresses(job)}
    assert {name for name in SERVICES if name.endswith("-exporter")} <= scraped


def test_an_alert_tells_that_an_exporter_is_down() -> None:
    jobs = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    names = {job["job_name"] for job in jobs}
    # Without the exporter of MongoDB, the alert on the database asks the sidecars.
    others = {"interview-worker", "interview-worker-mongodb", "alertmanager", "prometheus"}
    assert names == {*EXPORTERS, *others}


def test_probed_url_and_its_module_exist() -> None:
    jobs = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    (job,) = (job for job in jobs if job["job_name"] == "blackbox")
    (module,) = job["params"]["module"]
    option = SERVICES["blackbox-exporter"]["command"][0]
    mounts = dict(mount.split(":")[:2][::-1] for mount in SERVICES["blackbox-exporter"]["volumes"])
    file = Path(option.removeprefix("--config.file="))
    config = yaml.safe_load((ROOT / mounts[str(file.parent)] / file.name).read_text())
    assert module in config["modules"]
    assert job["static_configs"] == [{"targets": ["http://interview-worker:3001/health/live"]}]


def test_grafana_is_provisioned() -> None:
    place = ROOT / "monitoring" / "stack" / "grafana" / "provisioning"
    sources = yaml.safe_load((place / "datasources" / "prometheus.yml").read_text())["datasources"]
    for source in sources:
        host, port = source["url"].removeprefix("http://").split(":")
        assert PORTS[host] == int(port)
    mounts = dict(mount.split(":")[:2][::-1] for mount in SERVICES["grafana"]["volumes"])
    (provider,) = yaml.safe_load((place / "dashboards" / "interview-worker.yml").read_text())[
        "providers"
    ]
    assert ROOT / mounts[provider["options"]["path"]] == PLACE
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert json.loads((PLACE / Path(home).name).read_text())["uid"]


def _names(file: Path, kind: str) -> list[str]:
    """The names of a file's resources of one kind, including duplicates."""
    top = yaml.compose(file.read_text(), Loader=yaml.SafeLoader)
    assert isinstance(top, yaml.MappingNode)
    return [
        name.value
        for key, resources in top.value
        if key.value == kind
        for name, _ in resources.value
    ]


def _addresses(job: dict[str, Any]) -> list[str]:
    """The addresses that a job scrapes: the targets, or the exporter that probes them."""
    for relabelling in job.get("relabel_configs", ()):
        if relabelling["target_label"] == "__address__":
            return [relabelling["replacement"]]
    return [target for group in job["static_configs"] for target in group["targets"]]


def _option(name: str, option: str) -> str:
    """The value of an option in a service's command."""
    command = SERVICES[name]["command"]
    return str(command[command.index(option) + 1])


def _environment(name: str) -> Iterator[tuple[str, str]]:
    yield from SERVICES[name]["environment"].items()
    yield "API_HOST", "0.0.0.0"


def _arguments(field: Any) -> tuple[Any, ...]:
    return getattr(field.annotation, "__args__", ())
