"""The CalDAV provider, opened by its entry point."""

import sys
from typing import Any

import pytest
from pydantic import SecretStr

from tasks.errors import MissingExtra
from worker.adapters.providers import Context
from worker.plugins import CALENDAR
from worker.settings import Settings


@pytest.fixture
def context() -> Context:
    unused: Any = None
    settings = Settings(caldav_url=SecretStr("http://127.0.0.1:1/"))
    return Context(settings, breaker=unused, bill=unused)


def test_missing_packages_are_named_by_their_extra(
    monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    monkeypatch.delitem(sys.modules, "worker.adapters.calendars.caldav", raising=False)
    monkeypatch.delitem(sys.modules, "worker.adapters.calendars.dav", raising=False)
    monkeypatch.setitem(sys.modules, "caldav.davclient", None)
    with pytest.raises(MissingExtra, match=r"pip install 'interview-worker\[caldav\]'"):
        CALENDAR.open("caldav", context)


def test_opens_a_provider(context: Context) -> None:
    assert CALENDAR.open("caldav", context).name == "caldav"
