"""Prometheus queries with Grafana's variables and intervals.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import httpx2


@dataclass(frozen=True, slots=True)
class Window:
    """The time range of a dashboard.

    Attributes:
        start: Start, in seconds since the epoch.
        end: End, in seconds since the epoch.
        step: Seconds between two points.
        rate_interval: Seconds over which rates are computed: several scrapes, as in Grafana.
    """

    start: float
    end: float
    step: float
    rate_interval: float


@dataclass(frozen=True, slots=True)
class Series:
    """A series: its labels, and its values by time in seconds since the epoch."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The latest numeric value; NaN if there is none."""
        return next((value for _, value in reversed(self.points) if value == value), nan)

    @property
    def highest(self) -> float:
        """The highest value; NaN if there is none."""
        return max((value for _, value in self.points if value == value), default=nan)


class Source:
    """A Prometheus server, and the values of the dashboards' variables.

    Args:
        url: The URL of the server.
        window: The time range.
        variables: The values, as regular expressions.
    """

    def __init__(self, url: str, window: Window, variables: Mapping[str, str]) -> None:
        self._url = url
        self.window = window
        self._variables = {
            "__rate_interval": f"{window.rate_interval:.0f}s",
            "__range": f"{window.end - window.start:.0f}s",
            **variables,
        }

    def over_time(self, expression: str) -> list[Series]:
        """Run a range query over the time range.

        Raises:
            httpx2.HTTPError: Prometheus is unavailable, or rejects the query.
        """
        window = self.window
        asked = {"start": window.start, "end": window.end, "step": window.step}
        found = self._query("query_range", expression, asked)
        return [_series(one["metric"], one["values"]) for one in found if one["values"]]

    def at_end(self, expression: str) -> list[Series]:
        """Run an instant query at the end of the time range.

        Raises:
            httpx2.HTTPError: Prometheus is unavailable, or rejects the query.
        """
        found = self._query("query", expression, {"time": self.window.end})
        return [_series(one["metric"], [one["value"]]) for one in found]

    def _query(self, what: str, expression: str, asked: dict[str, float]) -> list[dict[str, Any]]:
        for name, value in self._variables.items():
            expression = expression.replace(f"${name}", value)
        answer = httpx2.post(
            f"{self._url}/api/v1/{what}",
            data={"query": expression, **{name: str(value) for name, value in asked.items()}},
            trust_env=False,
        )
        answer.raise_for_status()
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result


def _series(labels: Mapping[str, str], values: list[tuple[float, str]]) -> Series:
    return Series(labels, tuple((moment, float(value)) for moment, value in values))
