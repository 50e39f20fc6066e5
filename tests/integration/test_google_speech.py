"""Tests of Google Speech through Google's library, against a fake server."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.cloud.speech_v1.types import RecognitionConfig

from tasks.errors import InterviewWorkerError, Permanent, Transient, Unusable
from tasks.interviews.interview import Audio, Channels
from tasks.interviews.transcript import Speaker, Transcript
from tasks.signals import ServiceCalled, service_called
from tests.clips import noise
from tests.samples import SCREENING
from tests.servers.google import google_error, service_account, with_tokens, without_regions
from tests.servers.google_speech import heard, recognised, result
from tests.servers.scripted import Answer, Request, Script, ScriptedServer, scripted_server
from tests.timing import allowed
from worker.adapters.media import probe
from worker.adapters.providers import Charge, Context, Usage
from worker.adapters.speech.google_speech import GoogleSpeech
from worker.settings import Settings

SAID = recognised(
    result(("We", 0.1, 0.3, 0.9), ("rolled", 0.3, 0.6, 0.8), ("back.", 0.6, 1.0, 1.0)),
    result(("Twice.", 3.5, 4.0, 0.0), confidence=0.0),
)


@dataclass
class Place:
    server: ScriptedServer
    provider: Any
    usages: list[Usage]
    calls: list[ServiceCalled]
    guarded: list[tuple[str, str]]

    @property
    def asked(self) -> list[Request]:
        return [one for one in self.server.requests if one.path != "/token"]

    def transcribe(self, recording: Path, channels: Channels | None = None) -> Transcript:
        audio = probed(recording)
        transcript: Transcript = self.provider.transcribe(
            recording, audio, channels, lambda _: None
        )
        return transcript


def probed(recording: Path) -> Audio:
    return probe(recording, name=recording.name, max_duration=600)


@contextmanager
def google(tmp_path: Path, script: Script, **changed: Any) -> Iterator[Place]:
    usages: list[Usage] = []
    calls: list[ServiceCalled] = []
    guarded: list[tuple[str, str]] = []

    def bill(usage: Usage) -> Charge:
        usages.append(usage)
        return Charge((usage.audio_seconds or 0) / 100, "test-1")

    def guard(service: str, endpoint: str) -> nullcontext[None]:
        guarded.append((service, endpoint))
        return nullcontext()

    with (
        without_regions(),
        scripted_server(with_tokens(script)) as server,
        service_called.connected(calls.append),
    ):
        settings = Settings(
            **{
                "google_credentials": service_account(tmp_path, server.url),
                "google_speech_url": server.url,
                "google_speech_languages": ("en-US", "de-DE"),
                "provider_timeout": allowed(20),
                **changed,
            }
        )
        provider: Any = GoogleSpeech.of(Context(settings, guard, bill))
        with closing(provider):
            yield Place(server, provider, usages, calls, guarded)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with google(tmp_path, lambda _: Answer(body=SAID)) as made:
        yield made


def test_words_become_segments(place: Place, tmp_path: Path) -> None:
    found = place.transcribe(noise(tmp_path / "clip.wav", seconds=5))
    assert [(s.id, s.start, s.end, s.text, s.confidence) for s in found.segments] == [
        (0, 0.1, 1.0, "We rolled back.", 0.9),
        # A confidence of 0 means that none is given.
        (1, 3.5, 4.0, "Twice.", None),
    ]
    assert [word.text for word in found.segments[0].words] == ["We", "rolled", "back."]
    assert found.language == "en"
    assert (found.provider, found.model) == ("google", "latest_long")
    assert found.duration == pytest.approx(5, abs=0.01)
    assert found.cost == pytest.approx(0.05, abs=0.001)
    assert found.price_version == "test-1"


def test_request_has_the_required_options(place: Place, tmp_path: Path) -> None:
    place.transcribe(noise(tmp_path / "clip.wav", seconds=5))
    (request,) = place.asked
    assert request.path.startswith("/v1/speech:recognize")
    assert request.headers["authorization"] == "Bearer ya29.token"
    config = heard(request).config
    assert config["encoding"] == RecognitionConfig.AudioEncoding.LINEAR16
    assert config["languageCode"] == "en-US"
    assert config["alternativeLanguageCodes"] == ["de-DE"]
    assert config["enableWordTimeOffsets"] is config["enableWordConfidence"] is True


def test_requests_are_signalled_and_use_the_breaker(place: Place, tmp_path: Path) -> None:
    place.transcribe(noise(tmp_path / "clip.wav", seconds=5))
    assert [(one.service, one.endpoint, one.status) for one in place.calls] == [
        ("google_auth", "/token", 200),
        ("google_speech", "/v1/speech:recognize", 200),
    ]
    assert place.guarded == [("google_speech", "/v1/speech:recognize")]
    assert len(place.server.requests) == 2


def test_long_recording_is_sent_in_blocks_under_a_minute(place: Place) -> None:
    audio = probed(SCREENING)
    channels = Channels(left=Speaker.INTERVIEWER, right=Speaker.CANDIDATE)
    place.server.answer = with_tokens(
        lambda _: Answer(
            body=recognised(
                result(("Question?", 0.5, 1.0, 0.9), channel=1),
                result(("Answer.", 1.5, 2.0, 0.9), channel=2),
            )
        )
    )
    progress: list[float] = []
    found = place.provider.transcribe(SCREENING, audio, channels, progress.append)
    pieces = [heard(request) for request in place.asked]
    assert len(pieces) == 2
    assert all(piece.seconds <= 55 and piece.channels == 2 for piece in pieces)
    assert sum(piece.seconds for piece in pieces) == pytest.approx(audio.duration, abs=0.1)
    assert all(piece.config["enableSeparateRecognitionPerChannel"] for piece in pieces)
    second = pieces[0].seconds
    assert [(s.text, s.speaker, s.start) for s in found.segments] == [
        ("Question?", Speaker.INTERVIEWER, 0.5),
        ("Answer.", Speaker.CANDIDATE, 1.5),
        ("Question?", Speaker.INTERVIEWER, pytest.approx(second + 0.5, abs=0.001)),
        ("Answer.", Speaker.CANDIDATE, pytest.approx(second + 1.5, abs=0.001)),
    ]
    # Each channel is billed.
    assert sum(usage.audio_seconds or 0 for usage in place.usages) == pytest.approx(
        2 * audio.duration, abs=0.2
    )
    assert progress == sorted(progress)
    assert progress[-1] == pytest.approx(100, abs=1)


def test_silence_has_no_segments(place: Place, tmp_path: Path) -> None:
    place.server.answer = with_tokens(lambda _: Answer(body={"totalBilledTime": "5s"}))
    found = place.transcribe(noise(tmp_path / "clip.wav", seconds=5))
    assert found.segments == ()
    assert found.language is None


ERRORS = [
    (google_error(400, "invalid_argument"), Permanent, "provider_refused"),
    (google_error(401, "unauthenticated"), Unusable, "provider_credentials"),
    (google_error(403, "permission_denied"), Unusable, "provider_forbidden"),
    (google_error(404, "not_found"), Unusable, "provider_unknown_model"),
    (google_error(429, "resource_exhausted", Retry_After="7"), Transient, "provider_busy"),
    (google_error(500, "internal"), Transient, "provider_unavailable"),
    (google_error(503, "unavailable"), Transient, "provider_unavailable"),
    (Answer(502, b"<html>bad gateway</html>"), Transient, "provider_unavailable"),
    (Answer(body=b"{not json"), Transient, "provider_unreadable"),
    (Answer(body={"results": 7}), Transient, "provider_unreadable"),
    (Answer(body=SAID, cut=True), Transient, "provider_unreachable"),
    (Answer(reset=True), Transient, "provider_unreachable"),
]


@pytest.mark.parametrize(("answer", "kind", "code"), ERRORS)
def test_errors_are_mapped_as_documented(
    place: Place, tmp_path: Path, answer: Answer, kind: type[InterviewWorkerError], code: str
) -> None:
    place.server.answer = with_tokens(lambda _: answer)
    with pytest.raises(InterviewWorkerError) as raised:
        place.transcribe(noise(tmp_path / "clip.wav"))
    assert type(raised.value) is kind
    assert raised.value.code == code
    assert "It did not work" not in raised.value.message
    if answer.status == 429:
        assert isinstance(raised.value, Transient)
        assert raised.value.retry_after == 7
    # Every request was signalled, and a 401 is retried with a new token.
    assert len(place.asked) == (3 if answer.status == 401 else 1)
    assert len(place.calls) == len(place.server.requests)
    assert place.usages == []


def test_rejected_credentials_make_the_provider_unusable(place: Place, tmp_path: Path) -> None:
    place.server.answer = lambda _: Answer(400, {"error": "invalid_grant"})
    with pytest.raises(Unusable) as raised:
        place.transcribe(noise(tmp_path / "clip.wav"))
    assert raised.value.code == "provider_credentials"


def test_slow_response_times_out(tmp_path: Path) -> None:
    go_on = threading.Event()
    with google(tmp_path, lambda _: Answer(after=go_on), provider_timeout=0.3) as place:
        with pytest.raises(Transient) as raised:
            place.transcribe(noise(tmp_path / "clip.wav"))
        go_on.set()
    assert raised.value.code == "provider_timeout"
    assert [one.status for one in place.calls][-1] is None


def test_missing_credentials_are_a_one_line_error(tmp_path: Path) -> None:
    settings = Settings(google_credentials=tmp_path / "missing.json")
    with pytest.raises(Unusable, match=r"^GOOGLE_CREDENTIALS: [^\n]*$") as raised:
        GoogleSpeech.of(Context(settings, lambda *_: nullcontext(), lambda _: Charge(None, "1")))
    assert raised.value.code == "configuration"
