"""Request bodies built from command-line options."""

import json
from collections.abc import Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from tasks.clock import now
from tasks.errors import InvalidInput
from tasks.interviews.interview import AnalysisType, Priority
from tasks.interviews.transcript import Speaker


def submission(
    file: Path | None,
    *,
    type: str | None,  # noqa: A002
    candidate: str,
    interviewers: Sequence[str],
    time_zone: str,
    priority: Priority,
    left: str | None,
    analyses: Sequence[AnalysisType] | None,
    consent: str | None,
    callback_url: str | None,
) -> dict[str, Any]:
    """Build a submission from the options; fields of the file take precedence.

    Raises:
        InvalidInput: An option or the file is invalid, or the type is missing.
    """
    given: dict[str, Any] = {
        "candidate": _person(candidate),
        "interviewers": [_person(each) for each in interviewers],
        "time_zone": time_zone,
        "priority": priority,
    }
    if type is not None:
        given["type"] = type
    if left is not None:
        given["channels"] = speakers(left)
    if analyses is not None:
        given["analyses"] = list(analyses)
    if consent is not None:
        given["consent"] = {"id": consent, "at": now().isoformat()}
    if callback_url is not None:
        given["callback_url"] = callback_url
    given |= _read(file) if file else {}
    if "type" not in given:
        raise InvalidInput("the interview type is missing: add, for example, --type screening")
    return given


def review(
    scores: Sequence[str], recommendation: str | None, *, by: str, reason: str
) -> dict[str, Any]:
    """Build a review from the options; it is an override if they change anything.

    Raises:
        InvalidInput: A score is malformed.
    """
    overridden = bool(scores) or recommendation is not None
    return {
        "state": "overridden" if overridden else "confirmed",
        "scores": dict(map(_score, scores)),
        "recommendation": recommendation,
        "by": by,
        "reason": reason,
    }


def _score(text: str) -> tuple[str, int | None]:
    name, _, value = text.partition("=")
    if not name or value not in {"1", "2", "3", "4", "5", "none"}:
        raise InvalidInput(f"{text!r} is not of the form COMPETENCY=1…5 or COMPETENCY=none")
    return name, None if value == "none" else int(value)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        raise InvalidInput(f"{file} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{file} does not contain a JSON object")
    return content


def _person(text: str) -> dict[str, str]:
    name, email = parseaddr(text)
    if "@" not in email:
        raise InvalidInput(f"{text!r} is not of the form 'Name <e-mail>'")
    return {"name": name or email, "email": email}


def speakers(left: str) -> dict[str, str]:
    """The speakers of both channels, given the speaker on the left one.

    Raises:
        InvalidInput: The speaker is unknown.
    """
    if left not in tuple(Speaker):
        raise InvalidInput("--left must be interviewer or candidate")
    right = Speaker.CANDIDATE if left == Speaker.INTERVIEWER else Speaker.INTERVIEWER
    return {"left": left, "right": right}
