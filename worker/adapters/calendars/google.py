"""The provider `google`: Google Calendar, version 3."""

from tasks.errors import MissingExtra
from tasks.ports import CalendarProvider
from worker.adapters.providers import Context


def open_provider(context: Context) -> CalendarProvider:
    """Google's calendars.

    Raises:
        MissingExtra: The packages for it are not installed.
        Unusable: There are no credentials.
    """
    try:
        from worker.adapters.calendars.google_calendar import GoogleCalendar
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "google needs more packages: pip install 'interview-worker[google]'"
        ) from error
    return GoogleCalendar.of(context)
