"""Names of the services and endpoints that our providers call, as in metrics.

Endpoints are templates of paths, so that no id, name or address becomes a label.
"""

from collections.abc import Mapping

from worker.adapters.google import endpoints as google

OPENAI, ANTHROPIC, CALDAV, WEBHOOK = "openai", "anthropic", "caldav", "webhook"
AUDIO_URL = "audio_url"

CHAT_COMPLETIONS = "/v1/chat/completions"
MESSAGES = "/v1/messages"

CALDAV_SERVER = "/"
CALDAV_HOME = "/{home}"
CALDAV_CALENDAR = "/{home}/{calendar}"
CALDAV_EVENT = "/{home}/{calendar}/{event}"

CALLBACK = "/{callback}"
RECORDING = "/{recording}"

Endpoints = tuple[tuple[str, str], ...]
"""Pairs of a service and an endpoint."""

_GOOGLE_TOKEN = ((google.AUTH, google.TOKEN),)

SPEECH: Mapping[str, Endpoints] = {
    "google": (
        *((google.SPEECH, path) for path in (google.RECOGNIZE, google.LONG_RECOGNIZE)),
        (google.SPEECH, google.OPERATION),
        *((google.STORAGE, path) for path in (google.OBJECTS, google.OBJECT)),
        *_GOOGLE_TOKEN,
    ),
}
"""What each speech provider calls."""

LANGUAGE: Mapping[str, Endpoints] = {
    "openai": ((OPENAI, CHAT_COMPLETIONS),),
    "anthropic": ((ANTHROPIC, MESSAGES),),
}
"""What each language provider calls."""

CALENDAR: Mapping[str, Endpoints] = {
    "caldav": tuple(
        (CALDAV, path) for path in (CALDAV_SERVER, CALDAV_HOME, CALDAV_CALENDAR, CALDAV_EVENT)
    ),
    "google": (
        *((google.CALENDAR, path) for path in (google.FREE_BUSY, google.EVENTS, google.EVENT)),
        *_GOOGLE_TOKEN,
    ),
}
"""What each calendar provider calls."""

CALLBACKS: Endpoints = ((WEBHOOK, CALLBACK),)
DOWNLOADS: Endpoints = ((AUDIO_URL, RECORDING),)
