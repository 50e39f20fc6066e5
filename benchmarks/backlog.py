"""A backlog of queued interviews, created without submitting each of them."""

from datetime import timedelta
from io import BytesIO
from itertools import islice
from typing import Any
from uuid import uuid4

from tasks.clock import now
from tasks.interviews import transitions
from tasks.interviews.interview import Priority, Stage
from tests.samples import AUDIO, an_interview
from worker.adapters.broker import CeleryDispatcher
from worker.bootstrap import Stores, open_stores, prepare
from worker.celery_app.config import create_app
from worker.settings import Settings

_BATCH = 500
_PACE = timedelta(seconds=1)
"""Time between the submissions of two interviews."""
_COLLECTIONS = {"interviews": "_id", "audio.files": "_id", "audio.chunks": "files_id"}
"""The collections of an interview's documents, and the field with its id."""


def queue_up(settings: Settings, number: int) -> list[str]:
    """Store interviews and publish their messages.

    One is stored through the stores; the others are copies of its documents.

    Returns:
        The ids of the interviews.
    """
    ids = [str(uuid4()) for _ in range(number)]
    with open_stores(settings) as stores:
        _store(stores, ids[0])
        models = {name: _model(stores, name, key, ids[0]) for name, key in _COLLECTIONS.items()}
        dispatcher = CeleryDispatcher(create_app(settings))
        dispatcher.dispatch(ids[0], Stage.TRANSCRIBE, Priority.NORMAL)
        # In order of age, and each message right after its document, as in production.
        rest = iter(list(enumerate(ids))[:0:-1])
        while batch := list(islice(rest, _BATCH)):
            for name, model in models.items():
                copies = [_copied(model, _COLLECTIONS[name], age, one) for age, one in batch]
                stores.mongo.database[name].insert_many(copies)
            for _, one in batch:
                dispatcher.dispatch(one, Stage.TRANSCRIBE, Priority.NORMAL)
        prepare(stores)
    return ids


def _store(stores: Stores, interview_id: str) -> None:
    audio = AUDIO.model_copy(update={"name": "pass-none-queued.flac"})
    interview = an_interview(id=interview_id, type="technical", analyses=(), audio=audio)
    interview = interview.model_copy(update={"message_at": interview.created_at})
    stores.interviews.create(interview, transitions.created(interview))
    stores.audio.save(interview_id, audio.name, BytesIO(bytes(audio.size)))


def _model(stores: Stores, collection: str, key: str, interview_id: str) -> dict[str, Any]:
    (model,) = stores.mongo.database[collection].find({key: interview_id})
    found: dict[str, Any] = model
    return found


def _copied(model: dict[str, Any], key: str, age: int, interview_id: str) -> dict[str, Any]:
    # Chunks get new ids from the driver.
    changed = {**model, key: interview_id}
    if "outbox" in model:
        # Their events count as published.
        changed["outbox"] = []
        changed["created_at"] = model["created_at"] - age * _PACE
        changed["message_at"] = now()
    if key != "_id":
        del changed["_id"]
    return changed
