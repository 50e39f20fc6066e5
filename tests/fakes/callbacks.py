"""A `CallbackStore` beside a `MemoryInterviews`."""

from collections.abc import Collection, Sequence
from datetime import datetime

from tasks.interviews.callbacks import Callback
from tests.fakes.interviews import MemoryInterviews


class MemoryCallbacks:
    def __init__(self, interviews: MemoryInterviews) -> None:
        self._interviews = interviews

    def due(
        self, now: datetime, limit: int, *, exclude: Collection[str] = ()
    ) -> Sequence[Callback]:
        first: dict[str, Callback] = {}
        for one in sorted(self._interviews.callbacks, key=lambda one: one.due):
            if one.due <= now and one.receiver not in exclude:
                first.setdefault(one.event.interview_id, one)
        return list(first.values())[:limit]

    def postpone(self, callback: Callback, due: datetime) -> None:
        later = callback.model_copy(update={"due": due, "attempts": callback.attempts + 1})
        self._interviews.callbacks = [
            later if one == callback else one for one in self._interviews.callbacks
        ]

    def remove(self, callback: Callback) -> None:
        self._interviews.callbacks = [
            one for one in self._interviews.callbacks if one.event.id != callback.event.id
        ]

    def stop(self, interview_id: str) -> None:
        self._interviews.callbacks = [
            one for one in self._interviews.callbacks if one.event.interview_id != interview_id
        ]
        self._interviews.forget_callback_url(interview_id)
