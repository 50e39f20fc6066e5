"""A configuration of the service with known label values, for tests of metrics."""

from monitoring.metrics.initial import Configuration, Route

CONFIGURATION = Configuration(
    types=("screening", "technical", "panel"),
    speech=("whisper", "google"),
    language=("openai", "anthropic"),
    calendars=("caldav", "google"),
    models={"google": ("latest_long",), "openai": ("gpt-5-mini",), "anthropic": ("other",)},
    endpoints=(("openai", "/v1/chat/completions"), ("caldav", "/")),
    produced=("interviews.events",),
    consumed=("interviews.requested",),
    routes=(
        Route("/api/v1/interviews", "POST", ("201", "503")),
        Route("/metrics", "GET", ("200",)),
    ),
)
