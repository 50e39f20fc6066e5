"""Recordings and requests with details of people, which no log and no trace may contain."""

from pathlib import Path
from typing import Any

from tests.monitoring.scripted_worker import CANARY

ADDRESS = "zebulon@canarybird.example"
TOKEN = "canarytokencanarytoken"
NUMBER = "+49 30 901820555"
PLANTED = ("canary", "zebulon", "901820555", "garbage collector")
"""In lower case; the last words are spoken in the recording."""


def named(clip: Path, name: str) -> Path:
    recording = clip.with_name(name)
    recording.hardlink_to(clip)
    return recording


def particulars(name: str) -> dict[str, Any]:
    return {
        "type": "technical",
        "candidate": {"name": CANARY, "email": ADDRESS},
        "interviewers": [{"name": CANARY, "email": f"{name}@canarybird.example"}],
        "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
        # Nothing listens on this port.
        "callback_url": f"http://127.0.0.1:9/canary?token={TOKEN}",
    }
