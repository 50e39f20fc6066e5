"""Prometheus, asked as Grafana would ask it.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import httpx2


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a dashboard shows.

    Attributes:
        start: Its beginning, in seconds since the epoch.
        end: Its end.
        step: Seconds between two points.
        rate_interval: Seconds over which rates are taken: some scrapes, as Grafana has it.
    """

    start: float
    end: float
    step: float
    rate_interval: float


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its labels, and its values at moments in seconds since the epoch."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The latest value that is a number; not a number where there is none."""
        return next((value for _, value in reversed(self.points) if value == value), nan)

    @property
    def highest(self) -> float:
        """The highest value; not a number where there is none."""
        return max((value for _, value in self.points if value == value), default=nan)


class Source:
    """A Prometheus, and the variables of the dashboards that ask it.

    Args:
        url: Where it is.
        window: The time that is shown.
        variables: What is chosen, as regular expressions.
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
        """The series of a query over the time shown.

        Raises:
            httpx2.HTTPError: Prometheus does not answer, or refuses the query.
        """
        window = self.window
        asked = {"start": window.start, "end": window.end, "step": window.step}
        found = self._query("query_range", expression, asked)
        return [_series(one["metric"], one["values"]) for one in found if one["values"]]

    def at_end(self, expression: str) -> list[Series]:
        """The series of a query at the end of the time shown.

        Raises:
            httpx2.HTTPError: Prometheus does not answer, or refuses the query.
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
