"""What the work at hand is about, for whoever writes of it: log lines and traces.

Facts are bound at the edges, once for each task or request, and hold for all that is done there;
what becomes known on the way is added. They are ids, names of ours and numbers; never anything
about a person.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

AttributeValue = str | int | float

_INTERVIEW = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_bound: ContextVar[dict[str, AttributeValue] | None] = ContextVar("about", default=None)


@contextmanager
def bound_context(**attributes: AttributeValue) -> Iterator[None]:
    """Bind facts, in addition to those that hold already, for as long as the context lasts."""
    token = _bound.set({**(_bound.get() or {}), **attributes})
    try:
        yield
    finally:
        _bound.reset(token)


def bind(**attributes: AttributeValue) -> None:
    """Add facts to the context that holds, also from a thread that works for it."""
    held = _bound.get()
    if held is not None:
        held.update(attributes)


def interview_field(interview_id: object) -> Mapping[str, AttributeValue]:
    """The fact that the work is about an interview, where that is the id of one.

    Whoever asks for something may write anything where an id belongs.
    """
    known = isinstance(interview_id, str) and _INTERVIEW.fullmatch(interview_id)
    return {"interview_id": str(interview_id)} if known else {}


def attributes() -> Mapping[str, AttributeValue]:
    """What holds now."""
    return _bound.get() or {}
