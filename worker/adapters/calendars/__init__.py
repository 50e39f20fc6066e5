"""Calendar providers. caldav, icalendar and recurring_ical_events are imported only here."""
