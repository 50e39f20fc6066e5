"""An `AuditTrail` in a list."""

from collections.abc import Sequence

from worker.ports import Entry, TrailQuery


class MemoryAudit:
    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def append(self, entry: Entry) -> None:
        self._entries.append(entry)

    def find(self, query: TrailQuery) -> Sequence[Entry]:
        newest = sorted(self._entries, key=lambda one: one.id, reverse=True)
        return [
            one
            for one in newest
            if one.tenant == query.tenant
            and query.interview_id in (None, one.interview_id)
            and (query.after is None or one.id < query.after)
        ][: query.limit]
