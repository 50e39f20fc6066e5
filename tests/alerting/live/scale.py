"""Alert rules and routes on a compressed time scale: an hour takes two minutes."""

import re
from pathlib import Path
from typing import Any

import yaml

from tests.processes import ROOT

FACTOR = 30
"""The factor by which times are divided; limited because the service itself is not faster."""

SCRAPE = 2
"""Seconds between two scrapes, and the time-out of one: each source may take a second."""

_PRODUCTION_SCRAPE = 15
"""Seconds between two scrapes in production."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SHORTEST = 3 * SCRAPE
"""The minimum window in seconds, which contains two scrapes even if one is late."""

_VALUES = {
    "InterviewWorkerOldestMessageTooOld": ("> 900", "> 30"),
    # Two seconds would be less than an interview takes beside two hosts on one machine.
    "InterviewWorkerSlowProcessing": ("> 60", "> 6"),
    "job:interview_events_stale:bool": ("> bool 300", "> bool 10"),
}
"""Thresholds that are times, before and after scaling; all others are unchanged."""

_LEAST_FOR = {
    # A new leader is elected within ten seconds.
    "InterviewWorkerLeaderMissing": 20,
    # A process needs some seconds to start.
    "InterviewWorkerInstanceDown": 20,
    "InterviewWorkerWorkerMissing": 20,
}
"""The minimum `for` in seconds of alerts that allow for something which is not scaled."""

_WINDOW = re.compile(r"\[(\d+)([smhd])\]")
_OFFSET = re.compile(r"\boffset (\d+)([smhd])")


def rules(place: Path) -> Path:
    """Write the scaled rules into a directory; returns the glob pattern of the files."""
    for file in (ROOT / "monitoring" / "stack" / "prometheus" / "rules").glob("*.yml"):
        content = yaml.safe_load(file.read_text())
        for group in content["groups"]:
            group.pop("interval", None)
            for rule in group["rules"]:
                _shorten(rule)
        (place / file.name).write_text(yaml.safe_dump(content))
    return place / "*.yml"


def _shorten(rule: dict[str, Any]) -> None:
    name = rule.get("alert") or rule["record"]
    before, after = _VALUES.get(name, ("", ""))
    assert before in rule["expr"]
    expr = rule["expr"].replace(before, after)
    expr = _WINDOW.sub(lambda found: f"[{_seconds(found, _SHORTEST)}s]", expr)
    rule["expr"] = _OFFSET.sub(lambda found: f"offset {_seconds(found, 1)}s", expr)
    if "for" in rule:
        rule["for"] = shortened(rule["for"], _LEAST_FOR.get(name, 0))


def shortened(time: str, least: int = 0) -> str:
    """Scale a duration such as 5m, to this many seconds at least."""
    return f"{_seconds(_parsed(time), least)}s"


def _parsed(time: str) -> re.Match[str]:
    found = re.fullmatch(r"(\d+)([smhd])", time)
    assert found is not None, time
    return found


def _in_full(found: re.Match[str]) -> int:
    return int(found[1]) * _UNITS[found[2]]


def _seconds(found: re.Match[str], least: int) -> int:
    return max(least, _in_full(found) // FACTOR)


def routes(place: Path, receiver: str) -> Path:
    """Write Alertmanager's scaled configuration, with all receivers at one URL.

    Mute times (nights and Sundays) are removed, so that the result does not depend on the time at
    which this runs.
    """
    config = yaml.safe_load(
        (ROOT / "monitoring" / "stack" / "alertmanager" / "alertmanager.yml").read_text()
    )
    _shorten_route(config["route"])
    del config["time_intervals"]
    for one in config["receivers"]:
        for webhook in one["webhook_configs"]:
            webhook["url"] = f"{receiver}/{one['name']}"
    file = place / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config))
    return file


def _shorten_route(route: dict[str, Any]) -> None:
    route.pop("mute_time_intervals", None)
    if "group_wait" in route:
        # A group waits for two scrapes as in production, if not for longer, so that an alert which
        # inhibits others arrives in time.
        scrapes = min(2, _in_full(_parsed(route["group_wait"])) // _PRODUCTION_SCRAPE)
        route["group_wait"] = shortened(route["group_wait"], scrapes * SCRAPE)
    if "group_interval" in route:
        route["group_interval"] = shortened(route["group_interval"], 1)
    for child in route.get("routes", ()):
        _shorten_route(child)
