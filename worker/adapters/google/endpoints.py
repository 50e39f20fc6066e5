"""Names of Google's endpoints in metrics."""

import re
from urllib.parse import urlsplit

SPEECH, CALENDAR, STORAGE, AUTH = (
    "google_speech",
    "google_calendar",
    "google_storage",
    "google_auth",
)

RECOGNIZE = "/v1/speech:recognize"
LONG_RECOGNIZE = "/v1/speech:longrunningrecognize"
OPERATION = "/v1/operations/{id}"
FREE_BUSY = "/freeBusy"
EVENTS = "/calendars/{id}/events"
EVENT = "/calendars/{id}/events/{id}"
OBJECTS = "/b/{id}/o"
OBJECT = "/b/{id}/o/{id}"
TOKEN = "/token"  # noqa: S105 - a path

_ID = r"[^/]+"
_KNOWN = tuple(
    (re.compile(pattern + "$"), (service, endpoint))
    for pattern, service, endpoint in (
        (r"/speech:recognize", SPEECH, RECOGNIZE),
        (r"/speech:longrunningrecognize", SPEECH, LONG_RECOGNIZE),
        (rf"/operations/{_ID}", SPEECH, OPERATION),
        (r"/freeBusy", CALENDAR, FREE_BUSY),
        (rf"/calendars/{_ID}/events", CALENDAR, EVENTS),
        (rf"/calendars/{_ID}/events/{_ID}", CALENDAR, EVENT),
        (rf"/b/{_ID}/o", STORAGE, OBJECTS),
        (rf"/b/{_ID}/o/{_ID}", STORAGE, OBJECT),
        (r"/token", AUTH, TOKEN),
    )
)
_OTHER = ("google", "other")


def endpoint_of(url: str) -> tuple[str, str]:
    """Return the service and the endpoint template of a request."""
    path = urlsplit(url).path
    return next((found for pattern, found in _KNOWN if pattern.search(path)), _OTHER)
