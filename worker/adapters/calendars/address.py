"""Names of calendars: paths below the server's URL, in one spelling each."""

from urllib.parse import quote, unquote, urlsplit

from tasks.errors import InvalidInput, Permanent
from tasks.interviews.people import Person


def root_of(url: str) -> str:
    """The server's URL, ending in a slash.

    Raises:
        Permanent: It is not a plain URL of http or https.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Permanent("CALDAV_URL must be a plain http or https URL", code="configuration")
    return url if url.endswith("/") else f"{url}/"


def calendar_of(person: Person, root: str) -> str:
    """The path of a person's calendar: the one named, or `/{e-mail}/calendar/`.

    Addresses that differ in upper and lower case only have the same calendar.

    Raises:
        InvalidInput: The name is not that of a calendar below the root.
    """
    if person.calendar is not None:
        return calendar_path(person.calendar, root)
    return _joined([person.email.lower(), "calendar"])


def calendar_path(calendar: str, root: str) -> str:
    """A calendar's path below the root, percent-encoded, with a slash at either end.

    Args:
        calendar: A path below the root, or a URL that begins with the root.
        root: The server's URL.

    Raises:
        InvalidInput: It leads elsewhere, or is no path.
    """
    path = calendar.removeprefix(root) if calendar.startswith(root) else calendar
    try:
        parts = urlsplit(path)
    except ValueError:
        raise _refused() from None
    # Compared with what came in, as parsing quietly drops line breaks and tabs.
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
