"""Isolation of tests from the developer's environment variables."""

import os
from collections.abc import Iterator

from worker.settings import Settings

_ASKS_FOR_REAL = "PROVIDER"
"""Set by `make contract`, whose tests take their settings from the environment."""

_PREFIXES = (
    *("ANTHROPIC_", "GOOGLE_", "OPENAI_", "OTEL_"),  # read by libraries of providers and of traces
    *("CELERY_", "FLOWER_", "KOMBU_"),
    *("ERL_", "RABBITMQ_"),
)
_PROXIES = ("all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy")
"""Connections to the loopback address bypass proxies."""

_NAMES = {
    *_PROXIES,
    *(name.upper() for name in _PROXIES),
    # Width and colours of the output of rich and typer.
    *("COLUMNS", "LINES", "TERMINAL_WIDTH", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
    *("CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS"),
    # Child processes have their own warning filters.
    *("PYTHONWARNINGS", "PYTHONDEVMODE"),
    "PYTEST_ADDOPTS",  # applies to this run of pytest, not to runs that it starts
    "WEB_CONCURRENCY",  # read by uvicorn
}


def clean() -> None:
    """Remove environment variables that affect the service, its libraries or their output."""
    for name in list(_foreign()):
        del os.environ[name]


def wants_colours() -> bool | None:
    """Whether pytest's output is coloured according to the environment; None if unspecified."""
    if os.environ.get("NO_COLOR") or os.environ.get("PY_COLORS") == "0":
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("PY_COLORS") == "1":
        return True
    return None


def _foreign() -> Iterator[str]:
    settings = {name.upper() for name in Settings.model_fields}
    settings |= {f"{name}_FILE" for name in settings}
    keeps_settings = _ASKS_FOR_REAL in os.environ
    for name in os.environ:
        # pydantic-settings ignores the case of names.
        is_setting = name.upper() in settings or name.startswith(_PREFIXES)
        if name in _NAMES or (is_setting and not keeps_settings):
            yield name
