"""A client for Jaeger's HTTP API (`/api/traces`)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from monitoring import SERVICE
from tasks.clock import now
from tasks.errors import Permanent, Transient
from worker.urls import mask_url

_LIMIT = 50
"""The maximum number of traces: that of the interview, and those of requests that read it."""

_PERIOD = timedelta(days=30)
"""How far back traces are searched. Jaeger itself searches two days back."""

_ROOT = "POST /api/v1/interviews"


@dataclass(frozen=True, slots=True)
class FoundSpan:
    """A span found in Jaeger.

    Attributes:
        trace_id: Its trace, in hexadecimal.
        name: Its name.
        began: The start time.
        took: The duration.
        failed: Whether it is marked as an error.
    """

    trace_id: str
    name: str
    began: datetime
    took: timedelta
    failed: bool


class Jaeger:
    """A client of Jaeger.

    Args:
        url: The base URL.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        self._url = url
        self._http = httpx2.Client(base_url=url.rstrip("/"), timeout=timeout)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def spans(self, interview_id: str) -> Sequence[FoundSpan]:
        """Return the spans of the trace of an interview; none if it was not sampled.

        Traces that started more than 30 days ago are not found.

        Raises:
            Transient: Jaeger does not respond.
            Permanent: The server at this URL is not Jaeger.
        """
        tags = json.dumps({"interview.id": interview_id})
        start = round((now() - _PERIOD).timestamp() * 1_000_000)
        query = {"service": SERVICE, "tags": tags, "limit": str(_LIMIT), "start": str(start)}
        try:
            answer = self._http.get("/api/traces", params=query)
            answer.raise_for_status()
            traces = answer.json()["data"]
            found = [[_span(one) for one in trace["spans"]] for trace in traces]
        except httpx2.TransportError as error:
            raise Transient(f"JAEGER_URL: {mask_url(self._url)} does not answer") from error
        except httpx2.HTTPStatusError as error:
            status = error.response.status_code
            raise Permanent(f"JAEGER_URL: {mask_url(self._url)} answers {status}") from error
        except (ValueError, LookupError, TypeError) as error:
            raise Permanent(f"JAEGER_URL: {mask_url(self._url)} is not Jaeger") from error
        begun = [spans for spans in found if any(one.name == _ROOT for one in spans)]
        return [one for spans in begun or found for one in spans]


def _span(span: dict[str, Any]) -> FoundSpan:
    tags = {tag["key"]: tag["value"] for tag in span.get("tags", ())}
    return FoundSpan(
        trace_id=span["traceID"],
        name=span["operationName"],
        began=datetime.fromtimestamp(span["startTime"] / 1_000_000, UTC),
        took=timedelta(microseconds=span["duration"]),
        failed=tags.get("error") in (True, "true") or tags.get("otel.status_code") == "ERROR",
    )
