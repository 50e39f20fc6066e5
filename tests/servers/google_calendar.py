"""A server that imitates the parts of the Google Calendar API that the adapter uses."""

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from itertools import count
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.google import google_error
from tests.servers.scripted import Answer, Request

ROOT = "/calendar/v3"
PAGE = 2
"""Events of a page."""


class Calendars:
    """A script for a server; deleted events keep their ids, as at Google.

    Attributes:
        events: Resources by calendar and id.
        unreadable: Calendars whose free-busy times are not returned.
        before: Called with each request; its result, if any, is the response.
    """

    def __init__(self) -> None:
        self.events: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.unreadable: set[str] = set()
        self.before: Callable[[Request], Answer | None] = lambda _: None
        self._versions = count(1)
        self._lock = Lock()

    def __call__(self, request: Request) -> Answer:
        instead = self.before(request)
        if instead is not None:
            return instead
        assert request.headers["authorization"] == "Bearer ya29.token"
        url = urlsplit(request.path)
        match [unquote(part) for part in url.path.removeprefix(ROOT).strip("/").split("/")]:
            case ["colors"]:
                return Answer(body={"kind": "calendar#colors"})
            case ["freeBusy"]:
                return self._free_busy(request.json)
            case ["calendars", calendar, "events"] if request.method == "GET":
                return self._list(calendar, parse_qs(url.query))
            case ["calendars", calendar, "events"]:
                return self._insert(calendar, request.json)
            case ["calendars", calendar, "events", name]:
                return self._one(calendar, name, request)
        return google_error(404, "notFound")

    def add(self, calendar: str, start: object, end: object, **more: Any) -> None:
        """Add an event that was not booked by the service."""
        name = f"other{next(self._versions)}"
        self._put(calendar, {"id": name, "start": start, "end": end, **more})

    def _put(self, calendar: str, resource: dict[str, Any]) -> dict[str, Any]:
        stored = {"status": "confirmed", **resource, "etag": f'"{next(self._versions)}"'}
        self.events[calendar][resource["id"]] = stored
        return stored

    def _free_busy(self, query: dict[str, Any]) -> Answer:
        (item,) = query["items"]
        if item["id"] in self.unreadable:
            found: dict[str, Any] = {"errors": [{"domain": "global", "reason": "notFound"}]}
        else:
            busy = [
                {"start": one["start"]["dateTime"], "end": one["end"]["dateTime"]}
                for one in self._within(item["id"], query["timeMin"], query["timeMax"])
                if one.get("transparency") != "transparent"
            ]
            found = {"busy": _merged(busy)}
        body = {"kind": "calendar#freeBusy", "calendars": {item["id"]: found}}
        return Answer(body={**body, "timeMin": query["timeMin"], "timeMax": query["timeMax"]})

    def _within(self, calendar: str, least: str, most: str) -> list[dict[str, Any]]:
        start, end = _moment(least), _moment(most)
        return [
            one
            for one in self.events[calendar].values()
            if one["status"] != "cancelled"
            and _when(one["start"]) < end
            and _when(one["end"]) > start
        ]

    def _list(self, calendar: str, query: dict[str, list[str]]) -> Answer:
        assert query["singleEvents"] == ["true"]
        found = self._within(calendar, query["timeMin"][0], query["timeMax"][0])
        first = int(query.get("pageToken", ["0"])[0])
        more = {"nextPageToken": str(first + PAGE)} if first + PAGE < len(found) else {}
        page = found[first : first + PAGE]
        return Answer(body={"kind": "calendar#events", "items": page, **more})

    def _insert(self, calendar: str, resource: dict[str, Any]) -> Answer:
        name = resource["id"]
        assert set(name) <= set("0123456789abcdefghijklmnopqrstuv")
        assert 5 <= len(name) <= 1024
        with self._lock:
            if name in self.events[calendar]:
                return google_error(409, "duplicate")
            return Answer(body=self._put(calendar, resource))

    def _one(self, calendar: str, name: str, request: Request) -> Answer:
        with self._lock:
            stored = self.events[calendar].get(name)
            if stored is None:
                return google_error(404, "notFound")
            if request.method == "GET":
                return Answer(body=stored)
            if stored["status"] == "cancelled":
                return google_error(410, "deleted")
            if request.method == "DELETE":
                self._put(calendar, {**stored, "status": "cancelled"})
                return Answer(204)
            if request.headers.get("if-match", stored["etag"]) != stored["etag"]:
                return google_error(412, "conditionNotMet")
            return Answer(body=self._put(calendar, json.loads(request.body)))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _when(moment: dict[str, str]) -> datetime:
    if "dateTime" in moment:
        return _moment(moment["dateTime"])
    return _moment(f"{moment['date']}T00:00:00+00:00")


def _merged(busy: list[dict[str, str]]) -> list[dict[str, str]]:
    """Merge overlapping and adjacent periods, as Google does."""
    merged: list[dict[str, str]] = []
    for one in sorted(busy, key=lambda period: _moment(period["start"])):
        if merged and _moment(one["start"]) <= _moment(merged[-1]["end"]):
            merged[-1]["end"] = max(merged[-1]["end"], one["end"], key=_moment)
        else:
            merged.append(dict(one))
    return merged
