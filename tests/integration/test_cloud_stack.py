"""Tests of the whole stack with cloud providers, the first of which fails."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitoring import metrics
from tasks.analysis.rubric import rubric_for
from tasks.interviews.interview import Status
from tests.monitoring.figures import scraped
from tests.samples import TECHNICAL
from tests.servers.models import anthropic_answer, openai_error, question_in, wish_in
from tests.servers.scripted import Answer, Request, ScriptedServer, scripted_server
from tests.stack import RunningStack, running_stack, wait_for

COMPETENCY = rubric_for("technical").competencies[0].id

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Place:
    running: RunningStack
    openai: ScriptedServer
    anthropic: ScriptedServer


def reply(request: Request) -> Answer:
    """A high score for every competency, with quotes of the candidate."""
    question = question_in(request)
    lines = question.partition("<transcript>\n")[2].partition("\n</transcript>")[0].splitlines()
    told = [json.loads(line) for line in lines]
    longest = max(told, key=lambda one: len(one["text"]))
    replies: dict[str, object] = {
        "sentiment": {
            "segments": [{"segment": one["segment"], "score": 0.0} for one in told],
            "confidence": 0.5,
        },
        "competencies": {
            "competencies": [
                {
                    "id": COMPETENCY,
                    "level": 4,
                    "rationale": f"{longest['text']} So it is.",
                    "quotes": [{"text": longest["text"], "segments": [longest["segment"]]}],
                    "confidence": 0.8,
                }
            ]
        },
        "summary": {"text": longest["text"], "confidence": 0.5},
    }
    return Answer(body=anthropic_answer(replies[wish_in(request)[0]]))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        openai = stack.enter_context(
            scripted_server(lambda _: openai_error(503, "server_error", None))
        )
        anthropic = stack.enter_context(scripted_server(reply))
        running = stack.enter_context(
            running_stack(
                tmp_path / "data",
                ANALYSIS_PROVIDERS="openai,anthropic,local",
                OPENAI_API_KEY="sk-one",
                OPENAI_BASE_URL=f"{openai.url}/v1",
                ANTHROPIC_API_KEY="sk-two",
                ANTHROPIC_BASE_URL=anthropic.url,
                PROVIDER_ATTEMPTS="2",
                CIRCUIT_FAILURES="3",
            )
        )
        yield Place(running, openai, anthropic)


def test_fallback_provider_gets_masked_names(place: Place) -> None:
    api = place.running.api
    submitted = api.submit(
        TECHNICAL,
        {
            "type": "technical",
            # Words from the recording serve as the name to mask: words at the beginnings of
            # sentences, of which any recogniser recognises at least one.
            "candidate": {"name": "Each The What Example", "email": "a@example.com"},
            "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
        },
    )
    assert wait_for(api, submitted.id, timeout=120).status is Status.COMPLETED
    report = api.report(submitted.id)
    assert report is not None
    asked = [one for one in report.provenance if one.part != "transcript"]
    assert {(one.provider, one.fallback_from) for one in asked} == {("anthropic", "openai")}
    assert all(one.cost and one.prompt_version for one in asked)
    scores = {one.id: one.score for one in report.competencies or ()}
    assert scores[COMPETENCY] == 4
    sent = b"".join(request.body for request in place.anthropic.requests).decode()
    assert "[PERSON_" in sent
    assert "PERSON_" not in report.model_dump_json()
    figures = scraped(place.running.stack.api_url)
    assert len(place.openai.requests) == figures.value(metrics.EXTERNAL_ERRORS, "openai") == 3
    states = figures.by_labels(metrics.CIRCUIT_STATE)
    assert states["openai", "/v1/chat/completions"] == 2
