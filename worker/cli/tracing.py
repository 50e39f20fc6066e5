"""The `trace` command, which prints the timeline of an interview."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from tasks.errors import NotFound
from worker.adapters.jaeger import Jaeger
from worker.cli import timeline
from worker.cli.client import ApiClient
from worker.settings import Settings, load_settings

out = Console()


def trace(
    interview_id: Annotated[UUID, typer.Argument(metavar="INTERVIEW", help="The interview's id.")],
    logs: Annotated[
        Path | None,
        typer.Option(help="File or directory of JSON log lines. Default: the running stack's."),
    ] = None,
    spans: Annotated[bool, typer.Option(help="Include the spans of the trace.")] = True,
) -> None:
    """Print the timeline of an interview: stages, waits, attempts, log lines, spans."""
    settings = load_settings()
    with ApiClient(settings) as api:
        interview = api.get(interview_id)
    moments = list(timeline.from_interview(interview))
    if (place := _logs(logs, settings)) is not None:
        moments += timeline.from_logs(place, interview.id)
    if spans and settings.jaeger_url is not None:
        moments += _spans(settings.jaeger_url, interview.id)
    out.print(timeline.render(moments))


def _logs(chosen: Path | None, settings: Settings) -> Path | None:
    if chosen is not None and not chosen.exists():
        raise NotFound(f"{chosen} does not exist")
    return chosen or (settings.log_dir if settings.log_dir.is_dir() else None)


def _spans(url: str, interview_id: str) -> Iterator[timeline.TimelineEntry]:
    with closing(Jaeger(url)) as jaeger:
        found = jaeger.spans(interview_id)
    if found:
        out.print(f"Trace {url.rstrip('/')}/trace/{found[0].trace_id}", soft_wrap=True)
    else:
        out.print("Jaeger has no trace of this interview: it was not sampled, or has expired.")
    for span in found:
        colour = "red" if span.failed else "default"
        yield timeline.TimelineEntry(span.began, span.took, "span", span.name, colour=colour)
