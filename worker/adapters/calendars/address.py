"""Calendar names: normalized paths below the CalDAV server's URL."""

from urllib.parse import quote, unquote, urlsplit

from tasks.errors import InvalidInput, Permanent
from tasks.interviews.people import Person


def root_of(url: str) -> str:
    """Return the server's URL with a slash at its end.

    Raises:
        Permanent: It is not an http or https URL, or has a query or a fragment.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Permanent("CALDAV_URL must be a plain http or https URL", code="configuration")
    return url if url.endswith("/") else f"{url}/"


def calendar_of(person: Person, root: str) -> str:
    """Return the path of a person's calendar: the given one, or `/{e-mail}/calendar/`.

    E-mail addresses are case-insensitive.

    Raises:
        InvalidInput: The given calendar is not a path below the root.
    """
    if person.calendar is not None:
        return calendar_path(person.calendar, root)
    return _joined([person.email.lower(), "calendar"])


def calendar_path(calendar: str, root: str) -> str:
    """Return a calendar's path below the root, percent-encoded, with a slash at either end.

    Args:
        calendar: A path below the root, or a URL that begins with the root.
        root: The server's URL.

    Raises:
        InvalidInput: It is not a path below the root.
    """
    path = calendar.removeprefix(root) if calendar.startswith(root) else calendar
    try:
        parts = urlsplit(path)
    except ValueError:
        raise _refused() from None
    # Compared with the input, since parsing silently removes line breaks and tabs.
    if parts.path != path:
        raise _refused()
    return _joined([unquote(segment) for segment in path.split("/") if segment])


def _joined(segments: list[str]) -> str:
    if not segments or not all(map(_is_plain, segments)):
        raise _refused()
    return "/" + "".join(f"{quote(segment, safe='@')}/" for segment in segments)


def _is_plain(segment: str) -> bool:
    return (
        segment not in (".", "..")
        and segment.isprintable()
        and not any(mark in segment for mark in "/\\")
    )


def _refused() -> InvalidInput:
    return InvalidInput("a calendar must be named by a plain path on the calendar server")
