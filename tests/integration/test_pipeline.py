"""Tests of the pipeline on real workers: concurrent operations and failures."""

import json
import os
import signal
import threading
import wave
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kafka import KafkaConsumer, KafkaProducer

from monitoring import metrics
from tasks.analysis.report import Gate, GateReason
from tasks.clock import now
from tasks.errors import Permanent
from tasks.interviews.interview import BookingOutcome, Interview, Source, Stage, Status
from tests.monitoring.figures import scraped
from tests.processes import children_of, frozen
from tests.samples import SAMPLES, SCREENING, TECHNICAL
from tests.stack import RunningStack, running_stack, wait_for, wait_for_progress
from tests.timing import patience, wait_until
from worker.adapters.media import SAMPLE_RATE, read_blocks
from worker.adapters.mongo import Mongo, MongoInterviews
from worker.intake.requests import interview_id_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(
        tmp_path_factory.mktemp("pipeline"),
        AUDIO_URL_ALLOW_PRIVATE="true",
        CALDAV_TIMEOUT="2",
        RETRY_BACKOFF="0.1",
        TRANSCRIBE_CONCURRENCY="1",
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few seconds of speech, for interviews whose words do not matter."""
    block = next(read_blocks(TECHNICAL, split=False, max_duration=600))
    samples = block.channels[0][: 6 * SAMPLE_RATE]
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def files() -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = partial(Quiet, directory=str(SAMPLES))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def particulars(**changed: Any) -> dict[str, Any]:
    return {
        "type": "technical",
        "candidate": {"name": "Maya", "email": "maya@candidates.example"},
        "interviewers": [{"name": "Ines", "email": "ines@company.example"}],
        "time_zone": "Europe/Berlin",
        "consent": {"id": "c-1", "at": now().isoformat()},
        **changed,
    }


def submitted(running: RunningStack, recording: Path = TECHNICAL, **changed: Any) -> Interview:
    return running.api.submit(recording, particulars(**changed))


def events_of(running: RunningStack, interview_id: str, last: str) -> list[dict[str, Any]]:
    """The events of an interview, up to the last one expected."""
    consumer = KafkaConsumer(
        running.settings.kafka_events_topic,
        bootstrap_servers=running.settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
    )
    found: list[dict[str, Any]] = []

    def complete() -> bool:
        for records in consumer.poll(timeout_ms=200).values():
            found.extend(json.loads(r.value) for r in records if r.key == interview_id.encode())
        return bool(found) and found[-1]["type"] == last

    try:
        wait_until(complete, 30)
    finally:
        consumer.close()
    return found


def send(running: RunningStack, *bodies: bytes, **headers: str) -> None:
    """Send requests by Kafka, one after the other."""
    servers = running.settings.kafka_bootstrap_servers
    encoded = [(name, value.encode()) for name, value in headers.items()]
    with closing(KafkaProducer(bootstrap_servers=servers)) as producer:
        for body in bodies:
            producer.send(running.settings.kafka_requests_topic, body, b"one", headers=encoded)
        producer.flush(patience(10))


def submitted_by_message(running: RunningStack) -> float:
    """The number of processed requests from messages."""
    succeeded = scraped(running.stack.api_url).by_labels(metrics.CELERY_SUCCEEDED)
    return sum(value for (task, *_), value in succeeded.items() if task == "interviews.fetch")


def test_kafka_request_becomes_one_interview(running: RunningStack, files: str) -> None:
    request = {
        "specversion": "1.0",
        "id": "request-1",
        "source": "/tests",
        "type": "interview.requested",
        "data": particulars(audio_url=f"{files}/technical.flac"),
    }
    broken = {**request, "id": "request-0", "data": {"type": "technical"}}
    send(running, *(json.dumps(message).encode() for message in (broken, request, request)))
    interview_id = interview_id_of("request-1")
    wait_until(lambda: any(i.id == interview_id for i in running.api.list([], [], 50)), 60)
    final = wait_for(running.api, interview_id)
    assert final.status is Status.COMPLETED
    assert final.source is Source.KAFKA
    # A mono recording does not separate speakers, which the analysis reports.
    report = running.api.report(interview_id)
    assert report is not None
    assert not report.input_quality.speakers_known
    events = events_of(running, interview_id, "interview.completed")
    assert [event["type"] for event in events] == [
        "interview.created",
        "interview.transcribed",
        "interview.analysed",
        "interview.scheduled",
        "interview.completed",
    ]
    assert len({event["id"] for event in events}) == 5
    for word in ("Maya", "Ines", "example", "aggregator"):
        assert word not in json.dumps(events)

    # Again in the other mode, when it is done. A later message shows that it was handled.
    data = particulars(audio_url=f"{files}/technical.flac", interviewers=[], analyses=[])
    send(running, json.dumps(request["data"]).encode(), ce_id="request-1")
    send(running, json.dumps(data).encode(), ce_id="request-2")
    wait_until(lambda: submitted_by_message(running) == 4, 60)
    by_kafka = [i for i in running.api.list([], [], 50) if i.source is Source.KAFKA]
    assert {i.id for i in by_kafka} == {interview_id, interview_id_of("request-2")}
    assert running.api.get(interview_id) == final
    events_of(running, interview_id_of("request-2"), "interview.completed")
    assert events_of(running, interview_id, "interview.completed") == events


def test_celery_producer_submits_by_task_name(running: RunningStack, files: str) -> None:
    assert running.settings.redis_url is not None
    app = Celery("producer", broker=running.settings.redis_url.get_secret_value())
    request = particulars(audio_url=f"{files}/technical.flac", interviewers=[], analyses=[])
    message = app.send_task(
        "interviews.submit", kwargs={"request": request}, queue="interviews.submit"
    )
    interview_id = interview_id_of(message.id)
    wait_until(lambda: any(i.id == interview_id for i in running.api.list([], [], 50)), 60)
    final = wait_for(running.api, interview_id)
    assert (final.status, final.source) == (Status.COMPLETED, Source.CELERY)
    assert final.booking is not None
    assert final.booking.outcome is BookingOutcome.UNSCHEDULED
    assert final.booking.reason == "no_interviewers"
    assert running.api.report(interview_id) is None
    app.close()


def test_cancelling_stops_a_running_transcription(running: RunningStack, clip: Path) -> None:
    interview = submitted(running, SCREENING)
    wait_for_progress(running.api, interview.id, Stage.TRANSCRIBE)
    assert running.api.act(interview.id, "cancel").status is Status.CANCELLED
    # The worker is free again, so the next one completes; the first one stays cancelled.
    follower = submitted(running, clip, analyses=[], interviewers=[])
    assert wait_for(running.api, follower.id).status is Status.COMPLETED
    cancelled = running.api.get(interview.id)
    assert cancelled.status is Status.CANCELLED
    assert cancelled.stages[Stage.TRANSCRIBE].finished_at is None
    assert cancelled.stages[Stage.ANALYSE].attempts == 0


def test_a_killed_child_loses_nothing(running: RunningStack) -> None:
    interview = submitted(running, SCREENING)
    wait_for_progress(running.api, interview.id, Stage.TRANSCRIBE)
    main = running.process("worker-transcribe").pid
    for child in children_of(main):
        os.kill(child, signal.SIGKILL)
    final = wait_for(running.api, interview.id, timeout=120)
    assert final.status is Status.COMPLETED
    assert final.stages[Stage.TRANSCRIBE].attempts == 2
    events = events_of(running, interview.id, "interview.completed")
    assert len(events) == 5


def test_recording_without_speech_is_reported(running: RunningStack, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(2 * 16000 * 5))
    interview = submitted(running, silence)
    assert interview.audio.quality.silence_ratio == 1
    final = wait_for(running.api, interview.id)
    assert final.status is Status.COMPLETED
    report = running.api.report(interview.id)
    assert report is not None
    assert report.input_quality.gate is Gate.FAILED
    assert GateReason.NO_SPEECH in report.input_quality.reasons
    assert {one.score for one in report.competencies or ()} <= {None}


def test_failed_stage_is_retried(running: RunningStack, clip: Path) -> None:
    with frozen(running.process("radicale").pid):
        interview = submitted(running, clip)
        failed = wait_for(running.api, interview.id, timeout=120)
    assert failed.status is Status.FAILED
    assert failed.failed_stage is Stage.SCHEDULE
    record = failed.stages[Stage.SCHEDULE]
    assert record.attempts == running.settings.max_attempts
    assert record.error is not None
    assert record.error.transient
    running.api.act(interview.id, "retry")
    final = wait_for(running.api, interview.id)
    assert final.status is Status.COMPLETED
    assert final.booking is not None
    assert final.booking.outcome is BookingOutcome.BOOKED
    assert final.stages[Stage.TRANSCRIBE] == failed.stages[Stage.TRANSCRIBE]
    with pytest.raises(Permanent, match="illegal_transition"):
        running.api.act(interview.id, "retry")


def test_high_priority_is_processed_first(running: RunningStack, clip: Path) -> None:
    # The first one keeps the only child busy while the others are queued.
    first = submitted(running, SCREENING, analyses=[], interviewers=[])
    wait_for_progress(running.api, first.id, Stage.TRANSCRIBE)
    line = {
        priority: submitted(running, clip, priority=priority, analyses=[], interviewers=[]).id
        for priority in ("low", "normal", "high")
    }
    assert running.api.act(first.id, "cancel").status is Status.CANCELLED
    done = {name: wait_for(running.api, one, timeout=120) for name, one in line.items()}
    # By the clock of the only process, which transcribes them one after the other.
    started = {one.stages[Stage.TRANSCRIBE].started_at or now(): name for name, one in done.items()}
    assert [name for _, name in sorted(started.items())] == ["high", "normal", "low"]


def test_erasing_deletes_the_calendar_event(running: RunningStack, clip: Path) -> None:
    interview = wait_for(running.api, submitted(running, clip).id)
    assert interview.booking is not None
    assert interview.booking.calendars
    assert running.settings.mongodb_url is not None
    mongo = Mongo(running.settings.mongodb_url.get_secret_value())
    try:
        held = mongo.database["reservations"]
        assert held.count_documents({"_id": interview.id}) == 1
        running.api.erase(interview.id)
        assert held.count_documents({"_id": interview.id}) == 0
        store = MongoInterviews(mongo.database)
        wait_until(lambda: not store.pending_events(1), 20)
    finally:
        mongo.close()
    assert events_of(running, interview.id, "interview.erased")
