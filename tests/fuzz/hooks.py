"""Hooks that give schemathesis valid recordings and the ids of existing interviews.

It runs in the environment of schemathesis, so it cannot import anything of this project.
"""

import itertools
import os
from pathlib import Path
from typing import Any

import schemathesis

_RECORDING = Path(os.environ["FUZZ_RECORDING"]).read_bytes()
_INTERVIEWS = itertools.cycle(os.environ["FUZZ_INTERVIEWS"].split(","))
_PARTICULARS = {
    "type": "screening",
    "candidate": {"name": "Maya", "email": "maya@candidates.example"},
    "analyses": [],
}
_turns = itertools.count()


def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Make every second valid request one that succeeds."""
    del context, kwargs
    valid = case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE
    phase = case.meta.phase.name.value
    # Phase "coverage" tests one unusual value at a time; an erasure would affect later requests.
    if not valid or phase == "coverage" or case.method == "DELETE" or next(_turns) % 2:
        return
    if "interview_id" not in case.path_parameters:
        _submit(case)
    elif phase == "fuzzing":
        case.path_parameters["interview_id"] = next(_INTERVIEWS)


def _submit(case: Any) -> None:
    if case.method == "POST":
        case.media_type = "multipart/form-data"
        case.body = {"audio": _RECORDING, "interview": _PARTICULARS}


schemathesis.hook(before_call)
