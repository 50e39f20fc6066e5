"""Errors when the calendar extra is missing."""

import sys

import pytest

from tasks.errors import MissingExtra
from worker.adapters.calendars import open_caldav


def test_missing_packages_are_named_by_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "worker.adapters.calendars.caldav", raising=False)
    monkeypatch.delitem(sys.modules, "worker.adapters.calendars.dav", raising=False)
    monkeypatch.setitem(sys.modules, "caldav.davclient", None)
    with pytest.raises(MissingExtra, match=r"pip install 'interview-worker\[caldav\]'"):
        open_caldav("http://127.0.0.1:1/")


def test_opens_a_provider() -> None:
    assert open_caldav("http://127.0.0.1:1/").name == "caldav"
