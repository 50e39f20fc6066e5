"""Tests of authentication, scopes and tenants on a real store."""

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psutil
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pymongo.database import Database

from tasks.clock import now
from tasks.errors import Permanent
from tasks.interviews import transitions
from tests.conftest import Document
from tests.integration.test_api import PATH, problem, submitted
from tests.processes import wait_until
from tests.sidecar import LOOPBACK, running
from worker.adapters.mongo import Mongo, MongoInterviews, MongoKeys
from worker.api.application import create_api
from worker.celery_app.worker import run_flower
from worker.local.processes.ports import free_port
from worker.ports import Scope
from worker.security.api_keys import issue
from worker.server import open_context, serve
from worker.settings import Settings

PUBLIC = {"/health", "/health/live", "/health/ready", "/metrics"}
OPINION = {"type": "overall", "agrees": True, "by": "Ines"}


def api(settings: Settings, **environment: str) -> AbstractContextManager[TestClient]:
    changed = settings.with_environment(environment)
    return TestClient(
        create_api(changed, open_context), base_url=LOOPBACK, raise_server_exceptions=False
    )


@pytest.fixture
def guarded(settings: Settings) -> Iterator[TestClient]:
    """The API with keys required."""
    with api(settings, AUTH="keys") as client:
        yield client


@pytest.fixture
def keys(database: Database[Document]) -> MongoKeys:
    return MongoKeys(database)


def bearer(keys: MongoKeys, *scopes: Scope, tenant: str = "acme", days: int = 1) -> dict[str, str]:
    key, token = issue("test", tenant, scopes, now() + timedelta(days=days))
    keys.add(key)
    return {"Authorization": f"Bearer {token}"}


def submitted_by(client: TestClient, headers: dict[str, str]) -> dict[str, Any]:
    client.headers.update(headers)
    try:
        return submitted(client)
    finally:
        del client.headers["Authorization"]


def operations(client: TestClient) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            yield method, path.replace("{interview_id}", str(uuid4())), operation


def test_every_operation_requires_a_key_and_documents_it(guarded: TestClient) -> None:
    asked = 0
    for method, path, operation in operations(guarded):
        if path in PUBLIC:
            continue
        answer = guarded.request(method, path)
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == 'Bearer realm="interview-worker"'
        assert operation["security"][0]["key"], path
        assert {"401", "403"} <= set(operation["responses"]), path
        asked += 1
    assert asked == 14
    scheme = guarded.get("/openapi.json").json()["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_every_operation_requires_its_documented_scope(
    guarded: TestClient, keys: MongoKeys
) -> None:
    held = {scope: bearer(keys, scope, tenant="default") for scope in Scope}
    for (method, path, operation), scope in itertools.product(list(operations(guarded)), Scope):
        if path in PUBLIC:
            continue
        wanted = operation["security"][0]["key"]
        answer = guarded.request(method, path, headers=held[scope])
        if wanted == [scope] or scope is Scope.ADMIN:
            assert answer.status_code not in (401, 403), (method, path, scope)
        else:
            problem(answer, 403, "forbidden")
            challenge = answer.headers["www-authenticate"]
            assert f'error="insufficient_scope", scope="{" ".join(wanted)}"' in challenge


def test_required_scope_depends_on_the_method(guarded: TestClient) -> None:
    wanted = {
        (method, path.rpartition("/")[2]): set(operation["security"][0]["key"])
        for method, path, operation in operations(guarded)
        if path.startswith(PATH)
    }
    for (method, name), scopes in wanted.items():
        expected = {"get": {Scope.READ}, "post": {Scope.WRITE}, "delete": {Scope.ERASE}}[method]
        if name in {"cancel", "retry", "review"}:
            # They return the interview or its analysis.
            expected = expected | {Scope.READ}
        assert scopes == expected, (method, name)


def test_what_concerns_all_tenants_is_for_admins_of_the_default_tenant(
    guarded: TestClient, keys: MongoKeys
) -> None:
    acme, ours = bearer(keys, Scope.ADMIN), bearer(keys, Scope.ADMIN, tenant="default")
    wanted = {"level": "DEBUG"}
    problem(guarded.put("/api/v1/log-level", json=wanted, headers=acme), 403, "forbidden")
    problem(guarded.get("/health?verbose=true", headers=acme), 403, "forbidden")
    assert guarded.put("/api/v1/log-level", json=wanted, headers=ours).status_code == 200
    (entry, *_) = guarded.get("/api/v1/audit", headers=ours).json()["items"]
    assert (entry["action"], entry["detail"]) == ("log_level.change", "DEBUG")
    guarded.put("/api/v1/log-level", json={"level": "INFO"}, headers=ours)


def test_the_review_needs_the_right_to_read_what_it_returns(
    guarded: TestClient, keys: MongoKeys
) -> None:
    interview = submitted_by(guarded, bearer(keys, Scope.WRITE))
    both = bearer(keys, Scope.WRITE, Scope.READ)
    for operation, body in (("review", {"by": "Ines"}), ("cancel", None), ("retry", None)):
        path = f"{PATH}/{interview['id']}/{operation}"
        refused = guarded.post(path, json=body, headers=bearer(keys, Scope.WRITE))
        problem(refused, 403, "forbidden")
        assert guarded.post(path, json=body, headers=both).status_code != 403


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer iw_0_0", f"Bearer iw_{'0' * 12}_{'A' * 43}"],
)
def test_request_without_a_valid_key_is_rejected(guarded: TestClient, header: str) -> None:
    answer = guarded.get(PATH, headers={"Authorization": header})
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_expired_or_revoked_key_is_rejected(guarded: TestClient, keys: MongoKeys) -> None:
    expired = bearer(keys, Scope.ADMIN, days=-1)
    answer = guarded.get(PATH, headers=expired)
    problem(answer, 401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    revoked = bearer(keys, Scope.ADMIN)
    keys.revoke(keys.all()[-1].id, now())
    problem(guarded.get(PATH, headers=revoked), 401, "unauthorized")


def test_tenants_cannot_access_each_others_interviews(guarded: TestClient, keys: MongoKeys) -> None:
    acme, other = bearer(keys, Scope.ADMIN), bearer(keys, Scope.ADMIN, tenant="other")
    interview = submitted_by(guarded, acme)
    assert interview["tenant"] == "acme"
    listed = guarded.get(PATH, headers=acme).json()["items"]
    assert [one["id"] for one in listed] == [interview["id"]]
    assert guarded.get(PATH, headers=other).json()["items"] == []
    for method, path, _ in operations(guarded):
        if path == PATH or not path.startswith(PATH):
            continue
        first, *rest = path.removeprefix(f"{PATH}/").split("/")
        theirs = "/".join((PATH, interview["id"], *rest))
        body = OPINION if method == "post" else None
        hidden = guarded.request(method, theirs, headers=other, json=body)
        unknown = guarded.request(method, path, headers=other, json=body)
        # The response is the same as for an unknown id.
        assert masked(hidden, interview["id"]) == masked(unknown, first)
        assert hidden.status_code == 404
    assert guarded.get(f"{PATH}/{interview['id']}", headers=acme).json() == interview


def masked(answer: Response, interview_id: str) -> str:
    text = answer.text.replace(interview_id, "ID")
    return text.replace(answer.headers["X-Request-ID"], "REQUEST")


def test_erased_interviews_are_hidden_from_other_tenants(
    guarded: TestClient, keys: MongoKeys, database: Database[Document]
) -> None:
    acme, other = bearer(keys, Scope.ADMIN), bearer(keys, Scope.ADMIN, tenant="other")
    path = f"{PATH}/{submitted_by(guarded, acme)['id']}"
    assert guarded.delete(path, headers=acme).status_code == 204
    problem(guarded.get(path, headers=acme), 410, "erased")
    problem(guarded.get(path, headers=other), 404, "not_found")
    problem(guarded.delete(path, headers=other), 404, "not_found")
    assert MongoInterviews(database).tenant_of(path.rpartition("/")[2]) == "acme"


def test_open_access_uses_the_default_tenant(
    client: TestClient, database: Database[Document]
) -> None:
    interview = submitted(client)
    assert interview["tenant"] == "default"
    store = MongoInterviews(database)
    theirs = store.get(interview["id"]).model_copy(update={"id": str(uuid4()), "tenant": "acme"})
    store.create(theirs, transitions.created(theirs))
    assert [one["id"] for one in client.get(PATH).json()["items"]] == [interview["id"]]
    problem(client.get(f"{PATH}/{theirs.id}"), 404, "not_found")


def test_health_details_are_for_admins_only(guarded: TestClient, keys: MongoKeys) -> None:
    for path in PUBLIC:
        assert guarded.get(path).status_code in (200, 503)
    problem(guarded.get("/health?verbose=true"), 401, "unauthorized")
    reader = bearer(keys, Scope.READ)
    problem(guarded.get("/health?verbose=true", headers=reader), 403, "forbidden")
    answer = guarded.get(
        "/health?verbose=true", headers=bearer(keys, Scope.ADMIN, tenant="default")
    )
    assert "details" in answer.json()
    assert "details" not in guarded.get("/health").json()


def test_unavailable_key_store_is_reported(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing listens there, so a short timeout is enough.
    monkeypatch.setattr("worker.bootstrap.Mongo", partial(Mongo, timeout=0.5))
    with api(settings, AUTH="keys", MONGODB_URL="mongodb://127.0.0.1:9/x") as client:
        header = {"Authorization": f"Bearer iw_{'0' * 12}_{'A' * 43}"}
        problem(client.get(PATH, headers=header), 503, "database_error")


@pytest.mark.parametrize("days", [None, -1])
def test_non_loopback_address_requires_a_key(
    settings: Settings, keys: MongoKeys, days: int | None
) -> None:
    if days is not None:
        bearer(keys, Scope.ADMIN, days=days)
    with pytest.raises(Permanent, match="`interview-worker keys create`") as caught:
        serve(settings.with_environment({"API_HOST": "0.0.0.0"}))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Bearer s3cret2", "s3cret"])
def test_metrics_require_their_token(settings: Settings, header: str) -> None:
    with api(settings, METRICS_TOKEN="s3cret") as client:
        answer = client.get("/metrics", headers={"Authorization": header})
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert client.get("/health/live").status_code == 200
        admitted = client.get("/metrics", headers={"Authorization": "Bearer s3cret"})
    assert "interview_queue_depth{" in admitted.text


def test_mongodb_metrics_require_the_same_token(settings: Settings) -> None:
    port = free_port()
    with api(settings, METRICS_TOKEN="s3cret", MONGODB_METRICS_PORT=str(port)):
        url = f"http://127.0.0.1:{port}/metrics"
        wait_until(lambda: httpx2.get(url).status_code == 401)
        admitted = httpx2.get(url, headers={"Authorization": "Bearer s3cret"})
    assert "mongodb_up 1.0" in admitted.text


def test_flower_on_other_addresses_requires_a_password(settings: Settings) -> None:
    with pytest.raises(Permanent, match="FLOWER_BASIC_AUTH") as caught:
        run_flower(settings.with_environment({"FLOWER_HOST": "0.0.0.0"}))
    assert "\n" not in caught.value.message


def test_flower_requires_the_password(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    changed = settings.with_environment(
        {"FLOWER_PORT": str(port), "FLOWER_BASIC_AUTH": "ines:s3cret"}
    )
    url = f"http://127.0.0.1:{port}"
    with running("flower", changed, tmp_path, f"{url}/healthcheck") as flower:
        assert httpx2.get(f"{url}/workers").status_code == 401
        assert httpx2.get(f"{url}/workers", auth=("ines", "wrong")).status_code == 401
        assert httpx2.get(f"{url}/workers", auth=("ines", "s3cret")).status_code == 200
        assert "s3cret" not in " ".join(psutil.Process(flower.pid).cmdline())
        assert "s3cret" not in (tmp_path / "flower.log").read_text()
