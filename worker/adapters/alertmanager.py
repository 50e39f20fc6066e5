"""A client for silences in Alertmanager (API version 2).

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2

from tasks.clock import now
from tasks.errors import Permanent, Transient
from worker.urls import mask_url

_SERVICE = {"name": "service", "value": "interview-worker", "isRegex": False, "isEqual": True}


@dataclass(frozen=True, slots=True)
class Silence:
    """A period without notifications of alerts.

    Attributes:
        id: The id in Alertmanager.
        until: The time at which it expires.
        by: The person who created it.
        reason: The reason.
        alert: The name of the silenced alert; None for all alerts of this service.
    """

    id: str
    until: datetime
    by: str
    reason: str
    alert: str | None


class Alertmanager:
    """A client of Alertmanager.

    Args:
        url: The base URL.
        timeout: Seconds to wait for a response.
    """

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        self._url = url
        self._http = httpx2.Client(base_url=f"{url.rstrip('/')}/api/v2", timeout=timeout)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def silence(self, *, duration: timedelta, by: str, reason: str, alert: str | None) -> str:
        """Silence alerts of this service for a period.

        Args:
            duration: The length of the period, from now on.
            by: The person who creates the silence.
            reason: The reason.
            alert: The name of an alert; None for all alerts.

        Returns:
            The id of the silence.
        """
        begins = now()
        named = [{**_SERVICE, "name": "alertname", "value": alert}] if alert else []
        silence = {
            "matchers": [_SERVICE, *named],
            "startsAt": begins.isoformat(),
            "endsAt": (begins + duration).isoformat(),
            "createdBy": by,
            "comment": reason,
        }
        return str(self._send("POST", "/silences", json=silence)["silenceID"])

    def silences(self) -> Sequence[Silence]:
        """Return the active silences of this service, ordered by their end."""
        found = self._send("GET", "/silences", params={"filter": 'service="interview-worker"'})
        active = [one for one in found if one["status"]["state"] == "active"]
        return sorted(map(_read, active), key=lambda one: one.until)

    def end(self, silence: str) -> None:
        """End a silence now."""
        self._send("DELETE", f"/silence/{silence}")

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx2.HTTPError as error:
            raise Transient(
                f"Alertmanager at {mask_url(self._url)} does not answer ({error}); "
                "is ALERTMANAGER_URL right?"
            ) from error
        if answer.is_error:
            raise Permanent(f"Alertmanager answered {answer.status_code}: {answer.text.strip()}")
        return answer.json() if answer.content else None


def _read(one: dict[str, Any]) -> Silence:
    named = [matcher["value"] for matcher in one["matchers"] if matcher["name"] == "alertname"]
    return Silence(
        id=one["id"],
        until=datetime.fromisoformat(one["endsAt"]),
        by=one["createdBy"],
        reason=one["comment"],
        alert=named[0] if named else None,
    )
