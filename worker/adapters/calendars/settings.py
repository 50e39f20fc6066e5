"""Settings of the calendar providers."""

from pydantic import Field, SecretStr

from worker.adapters.google.settings import GoogleSettings
from worker.environment import ProviderSettings


class CalDavSettings(ProviderSettings):
    """Settings of the provider `caldav`."""

    caldav_url: SecretStr | None = Field(
        None, description="Calendars, https://user:password@host/. Unset: embedded Radicale."
    )
    caldav_create_calendars: bool = Field(
        False, description="Create missing calendars instead of reporting them unreadable."
    )
    caldav_timeout: float = Field(10, gt=0, description="Seconds to wait for the calendar server.")


class GoogleCalendarSettings(GoogleSettings):
    """Settings of the calendar provider `google`."""

    google_calendar_url: str = Field(
        "https://www.googleapis.com/calendar/v3/", description="URL of Google's calendars."
    )
    google_calendar_subject: str | None = Field(
        None, description="The user that the service account acts for. Unset: itself."
    )
