"""Calendars: CalDAV. The only home of caldav, icalendar and recurring_ical_events."""

from typing import TYPE_CHECKING

from tasks.errors import MissingExtra, Permanent
from tasks.ports import CalendarProvider
from worker.adapters.calendars.settings import CalDavSettings

if TYPE_CHECKING:
    from worker.adapters.providers import Context


def open_caldav(
    url: str,
    username: str | None = None,
    password: str | None = None,
    *,
    create_missing: bool = False,
    timeout: float = 10.0,
) -> CalendarProvider:
    """A client of a CalDAV server; its arguments are those of `CalDavProvider`.

    Raises:
        MissingExtra: The packages for CalDAV are not installed.
        Permanent: The URL is not one of http or https.
    """
    try:
        from worker.adapters.calendars.caldav import CalDavProvider
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "CalDAV needs more packages: pip install 'interview-worker[caldav]'"
        ) from error
    return CalDavProvider(url, username, password, create_missing=create_missing, timeout=timeout)


def open_provider(context: "Context") -> CalendarProvider:
    """The provider `caldav`, as the settings have it.

    Raises:
        MissingExtra: The packages for CalDAV are not installed.
        Permanent: There is no URL of a server, or it is not one of http or https.
    """
    settings = context.settings_for(CalDavSettings)
    if settings.caldav_url is None:
        raise Permanent("CALDAV_URL is not set", code="configuration")
    return open_caldav(
        settings.caldav_url.get_secret_value(),
        create_missing=settings.caldav_create_calendars,
        timeout=settings.caldav_timeout,
    )
