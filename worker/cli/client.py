"""The API client of the command line."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import httpx2

from monitoring.logs import LevelName
from tasks.analysis.feedback import Feedback
from tasks.analysis.report import Report
from tasks.errors import Permanent, Transient
from tasks.interviews.interview import Interview, Status
from worker.cli.http_retry import send_with_retry
from worker.local.stack_file import running_api
from worker.ports import Entry
from worker.settings import Settings
from worker.urls import mask_url

_PREFIX = "/api/v1/interviews"
_AUDIT = "/api/v1/audit"
_LOG_LEVEL = "/api/v1/log-level"

_TIMEOUT = httpx2.Timeout(10.0, read=120.0)
"""Seconds. The response to an upload arrives only when the recording is stored."""


class ApiClient:
    """A client of the interviews API.

    Args:
        settings: The settings. Without `API_URL`, the stack running in this directory is used.
    """

    def __init__(self, settings: Settings) -> None:
        self.base_url = settings.api_url or running_api(settings)
        key = settings.interview_worker_key
        self._http = httpx2.Client(
            base_url=self.base_url,
            timeout=_TIMEOUT,
            headers={
                "User-Agent": f"interview-worker-cli/{version('interview-worker')}",
                **({"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}),
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def submit(self, recording: Path, submission: Mapping[str, Any]) -> Interview:
        """Submit a recording; retries carry the same idempotency key."""
        headers = {"Idempotency-Key": f'"{uuid4()}"'}
        data = {"interview": json.dumps(submission)}

        def send() -> httpx2.Response:
            with recording.open("rb") as stream:
                files = {"audio": (recording.name, stream)}
                return self._http.post(_PREFIX, headers=headers, data=data, files=files)

        return Interview.model_validate(self._answer(partial(send_with_retry, send)))

    def get(self, interview_id: UUID | str) -> Interview:
        """Get an interview."""
        return Interview.model_validate(self._call("GET", f"/{interview_id}"))

    def report(self, interview_id: UUID | str) -> Report | None:
        """Get the analysis, or None if there is none."""
        answer = self._call("GET", f"/{interview_id}/analysis", missing=True)
        return None if answer is None else Report.model_validate(answer)

    def list(
        self, statuses: Sequence[Status], types: Sequence[str], limit: int
    ) -> Sequence[Interview]:
        """List interviews, newest first."""
        query = {"status": [str(status) for status in statuses], "type": types, "limit": limit}
        answer = self._call("GET", "", params=query)
        return [Interview.model_validate(item) for item in answer["items"]]

    def act(self, interview_id: UUID | str, action: str) -> Interview:
        """Cancel or retry an interview."""
        return Interview.model_validate(self._call("POST", f"/{interview_id}/{action}"))

    def review(self, interview_id: UUID | str, decision: Mapping[str, Any]) -> Report:
        """Confirm or override an analysis."""
        answer = self._call("POST", f"/{interview_id}/review", json=dict(decision))
        return Report.model_validate(answer)

    def give_feedback(self, interview_id: UUID | str, opinion: Mapping[str, Any]) -> Feedback:
        """Submit feedback on a part of an analysis."""
        answer = self._call("POST", f"/{interview_id}/feedback", json=dict(opinion))
        return Feedback.model_validate(answer)

    def erase(self, interview_id: UUID | str) -> None:
        """Erase an interview."""
        self._call("DELETE", f"/{interview_id}")

    def audit(self, interview_id: UUID | None, limit: int) -> Sequence[Entry]:
        """List audit entries, newest first."""
        query = {"limit": limit, **({"interview_id": str(interview_id)} if interview_id else {})}
        answer = self._call("GET", "", prefix=_AUDIT, params=query)
        return [Entry.model_validate(item) for item in answer["items"]]

    def change_log_level(self, level: LevelName) -> Sequence[str]:
        """Change the log level; returns the processes that changed it."""
        answer = self._call("PUT", "", prefix=_LOG_LEVEL, json={"level": level})
        processes: list[str] = answer["processes"]
        return processes

    def _call(
        self,
        method: str,
        path: str,
        *,
        prefix: str = _PREFIX,
        missing: bool = False,
        **options: Any,
    ) -> Any:
        send = partial(self._http.request, method, f"{prefix}{path}", **options)
        return self._answer(send, missing=missing)

    def _answer(self, send: Callable[[], httpx2.Response], *, missing: bool = False) -> Any:
        try:
            answer = send()
        except httpx2.HTTPError as error:
            raise Transient(
                f"the API at {mask_url(self.base_url)} does not respond ({error}); is it running? "
                "Start it with `interview-worker up`, or set API_URL"
            ) from error
        if missing and answer.status_code == httpx2.codes.NOT_FOUND:
            return None
        if answer.is_error:
            raise Permanent(_problem(answer))
        return answer.json() if answer.content else None


def _problem(answer: httpx2.Response) -> str:
    try:
        problem = answer.json()
        fields = "".join(f"\n  {e['pointer']}: {e['detail']}" for e in problem.get("errors", []))
        return f"{problem['detail']} ({problem['code']}, {answer.status_code}){fields}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the API returned status {answer.status_code}"
