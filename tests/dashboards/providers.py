"""Providers with latency, costs and random failures from a seeded generator."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tasks.analysis.findings import CompetencyFindings, ModelCall, SentimentFinding, SummaryFinding
from tasks.analysis.rubric import Rubric
from tasks.errors import Transient
from tasks.interviews.interview import Audio, Channels
from tasks.interviews.transcript import Transcript
from tasks.ports import Progress
from tests.fakes.language import FakeLanguage
from tests.samples import true_transcript
from worker.adapters.http.calls import instrumented_call
from worker.adapters.providers import Context, Usage

F = TypeVar("F", SentimentFinding, CompetencyFindings, SummaryFinding)

REFUSED = frozenset({"1.wav", "6.wav"})
"""Recordings that each provider first rejects with a longer `retry_after` than callers accept."""

_TRUE = true_transcript("technical", speakers=False)


@dataclass(frozen=True)
class Service:
    """An external service, with a circuit breaker and instrumentation like a real one's."""

    context: Context
    name: str
    endpoint: str
    seconds: float
    failing: float
    """The share of requests that fail."""
    chance: random.Random = field(default_factory=lambda: random.Random(6))

    def ask(self) -> None:
        """Send one request."""
        with (
            self.context.breaker(self.name, self.endpoint),
            instrumented_call(self.name, self.endpoint) as call,
        ):
            time.sleep(self.chance.lognormvariate(0, 0.4) * self.seconds)
            call.status = 503 if self.chance.random() < self.failing else 200
            if call.status == 503:
                raise Transient(f"{self.name} is overloaded", code="overloaded")


@dataclass(frozen=True)
class Speech:
    """Returns the same transcript for each recording, with a random confidence."""

    name: str
    model: str
    service: Service
    refused: set[str] = field(default_factory=set)

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        del recording, channels, progress
        if audio.name in REFUSED and audio.name not in self.refused:
            self.refused.add(audio.name)
            raise Transient(f"{self.name} has had enough", code="rate_limited", retry_after=6)
        self.service.ask()
        self.service.context.bill(Usage(self.name, self.model, audio_seconds=audio.duration))
        confidence = self.service.chance.uniform(0.75, 0.99)
        heard = [one.model_copy(update={"confidence": confidence}) for one in _TRUE.segments]
        found = {"provider": self.name, "model": self.model, "duration": audio.duration}
        return _TRUE.model_copy(update={**found, "segments": tuple(heard)})


class Language(FakeLanguage):
    """Returns the findings of `FakeLanguage`, with costs.

    Args:
        name: The provider's name.
        model: The model's name.
        service: The service that is called.
        refusals: The number of first requests that are rejected with a longer `retry_after` than
            callers accept.
    """

    def __init__(self, name: str, model: str, service: Service, *, refusals: int = 0) -> None:
        super().__init__()
        self._name, self._model, self._service = name, model, service
        self._refusals = refusals

    @property
    def name(self) -> str:
        return self._name

    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        return self._asked(super().sentiment(transcript))

    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        return self._asked(super().competencies(transcript, rubric))

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        return self._asked(super().summarise(transcript))

    def _asked(self, finding: F) -> F:
        if self._refusals:
            self._refusals -= 1
            raise Transient(f"{self.name} has had enough", code="rate_limited", retry_after=6)
        self._service.ask()
        chance = self._service.chance
        usage = Usage(self.name, self._model, chance.randrange(1500, 4000), chance.randrange(400))
        charge = self._service.context.bill(usage)
        call = ModelCall(provider=self.name, model=self._model, cost=charge.cost)
        update: dict[str, object] = {"call": call}
        if not isinstance(finding, CompetencyFindings):
            update["confidence"] = chance.uniform(0.6, 0.95)
        return finding.model_copy(update=update)
