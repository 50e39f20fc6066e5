"""The commands of the command line."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from monitoring.logs import LevelName
from tasks.interviews.interview import AnalysisType, Priority, Status
from worker.cli import listing, payloads
from worker.cli.client import ApiClient
from worker.cli.following import follow
from worker.cli.report import render
from worker.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Transcribe and analyse recorded interviews, and schedule the follow-up.",
)
out = Console()

InterviewId = Annotated[UUID, typer.Argument(metavar="ID", help="The interview's id.")]
Recording = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The recording.")
]


@app.command()
def submit(
    recording: Recording,
    type: Annotated[  # noqa: A002
        str | None,
        typer.Option(help="Interview type, such as screening; required unless in --particulars."),
    ] = None,
    candidate: Annotated[
        str, typer.Option(help="The candidate, as 'Name <e-mail>'.")
    ] = "Candidate <candidate@example.invalid>",
    interviewer: Annotated[
        list[str] | None,
        typer.Option(help="Interviewer of the follow-up, as 'Name <e-mail>'; repeatable."),
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Default time zone of all attendees.")] = "UTC",
    priority: Annotated[Priority, typer.Option(help="Priority in the queues.")] = Priority.NORMAL,
    left: Annotated[
        str | None, typer.Option(help="Speaker on the left channel: interviewer or candidate.")
    ] = None,
    analysis: Annotated[
        list[AnalysisType] | None, typer.Option(help="Analysis to run; repeatable. Default: all.")
    ] = None,
    no_analysis: Annotated[bool, typer.Option("--no-analysis", help="Transcribe only.")] = False,
    consent: Annotated[
        str | None, typer.Option(help="Id of the candidate's consent record for the analysis.")
    ] = None,
    callback_url: Annotated[
        str | None, typer.Option(help="URL to which the interview's events are posted.")
    ] = None,
    payload_file: Annotated[
        Path | None,
        typer.Option(
            "--particulars",
            exists=True,
            dir_okay=False,
            help="JSON file with the submission; its fields take precedence over other options.",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Show the progress, then print the report.")] = False,
) -> None:
    """Submit a recording."""
    given = payloads.submission(
        payload_file,
        type=type,
        candidate=candidate,
        interviewers=interviewer or [],
        time_zone=time_zone,
        priority=priority,
        left=left,
        analyses=[] if no_analysis else analysis,
        consent=consent,
        callback_url=callback_url,
    )
    with ApiClient(load_settings()) as api:
        interview = api.submit(recording, given)
        out.print(f"Submitted {recording.name} as interview {interview.id}", highlight=False)
        if wait:
            final = follow(api, interview, out)
            render(api, final, out)
            if final.status is not Status.COMPLETED:
                raise typer.Exit(2)


@app.command("list")
def list_interviews(
    status: Annotated[list[Status] | None, typer.Option(help="Only this status; repeatable.")] = (
        None
    ),
    type: Annotated[list[str] | None, typer.Option(help="Only this type; repeatable.")] = None,  # noqa: A002
    limit: Annotated[int, typer.Option(min=1, max=200, help="Maximum number of rows.")] = 20,
) -> None:
    """List interviews, newest first."""
    with ApiClient(load_settings()) as api:
        out.print(listing.table(api.list(status or [], type or [], limit)))


@app.command()
def show(
    interview_id: InterviewId,
    wait: Annotated[bool, typer.Option(help="Show the progress until it has finished.")] = False,
) -> None:
    """Show an interview and its report."""
    with ApiClient(load_settings()) as api:
        interview = api.get(interview_id)
        if wait:
            interview = follow(api, interview, out)
        render(api, interview, out)


@app.command()
def cancel(interview_id: InterviewId) -> None:
    """Cancel an interview."""
    with ApiClient(load_settings()) as api:
        interview = api.act(interview_id, "cancel")
    out.print(f"Interview {interview.id} is {interview.status}", highlight=False)


@app.command()
def dead(
    type: Annotated[list[str] | None, typer.Option(help="Only this type; repeatable.")] = None,  # noqa: A002
    limit: Annotated[int, typer.Option(min=1, max=200, help="Maximum number of rows.")] = 20,
) -> None:
    """List failed interviews with stage, error and time."""
    with ApiClient(load_settings()) as api:
        failed = api.list([Status.FAILED], type or [], limit)
    out.print(listing.dead_table(failed))
    if failed:
        out.print("Retry them with: interview-worker retry ID …", highlight=False)


@app.command()
def retry(
    interview_ids: Annotated[
        list[UUID], typer.Argument(metavar="ID...", help="The ids of the interviews.")
    ],
) -> None:
    """Retry failed interviews, each from the stage that failed."""
    with ApiClient(load_settings()) as api:
        for interview_id in interview_ids:
            interview = api.act(interview_id, "retry")
            out.print(f"Interview {interview.id} is {interview.status} again", highlight=False)


@app.command()
def audit(
    interview_id: Annotated[
        UUID | None, typer.Argument(metavar="[INTERVIEW]", help="Only entries of this interview.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Maximum number of rows.")] = 50,
) -> None:
    """List the audit trail (who read or changed what), newest first."""
    with ApiClient(load_settings()) as api:
        out.print(listing.audit_table(api.audit(interview_id, limit)))


@app.command()
def review(
    interview_id: InterviewId,
    by: Annotated[str, typer.Option(help="Name of the reviewer.")],
    score: Annotated[
        list[str] | None,
        typer.Option(help="Override a score, as COMPETENCY=1…5 or COMPETENCY=none; repeatable."),
    ] = None,
    recommendation: Annotated[str | None, typer.Option(help="Override the recommendation.")] = None,
    reason: Annotated[str, typer.Option(help="Reason; required for an override.")] = "",
) -> None:
    """Confirm an analysis, or override parts of it."""
    given = payloads.review(score or [], recommendation, by=by, reason=reason)
    with ApiClient(load_settings()) as api:
        report = api.review(interview_id, given)
    out.print(f"The analysis of {interview_id} is {report.review.state}", highlight=False)


@app.command()
def feedback(
    interview_id: InterviewId,
    type: Annotated[AnalysisType, typer.Option(help="The part of the analysis.")],  # noqa: A002
    agrees: Annotated[bool, typer.Option("--agree/--disagree", help="Whether you agree with it.")],
    by: Annotated[str, typer.Option(help="Name of the person who gives the feedback.")],
    comment: Annotated[str, typer.Option(help="Comment.")] = "",
) -> None:
    """Agree or disagree with a part of an analysis, without changing it."""
    opinion = {"type": type, "agrees": agrees, "by": by, "comment": comment}
    with ApiClient(load_settings()) as api:
        stored = api.give_feedback(interview_id, opinion)
    verb = "agrees" if stored.agrees else "disagrees"
    out.print(f"{stored.by} {verb} with the {stored.type} analysis", highlight=False)


@app.command()
def erase(
    interview_id: InterviewId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase an interview: its audio, transcript, analysis and booking."""
    if not yes:
        typer.confirm(f"Permanently erase interview {interview_id}?", abort=True)
    with ApiClient(load_settings()) as api:
        api.erase(interview_id)
    out.print(f"Interview {interview_id} is erased", highlight=False)


@app.command("compare")
def compare_providers(
    recording: Recording,
    providers: Annotated[str, typer.Option(help="Speech providers, separated by commas.")],
    reference: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Text file with the reference transcript."),
    ] = None,
    left: Annotated[
        str | None, typer.Option(help="Speaker on the left channel: interviewer or candidate.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Also write the table as an SVG file.")
    ] = None,
) -> None:
    """Compare speech providers on a recording: word error rate, speed, confidence, cost."""
    from worker.cli.comparing import run_comparison

    names = [name.strip() for name in providers.split(",") if name.strip()]
    answered = run_comparison(
        load_settings(),
        recording,
        names,
        reference=reference,
        left=left,
        picture=picture,
        out=out,
    )
    if not answered:
        raise typer.Exit(1)


@app.command()
def log_level(
    level: Annotated[LevelName, typer.Argument(help="The lowest level to log.")],
) -> None:
    """Change the log level of the running processes, until they restart."""
    with ApiClient(load_settings()) as api:
        for process in api.change_log_level(level):
            out.print(f"{process} logs {level} and above", highlight=False)


@app.command()
def config() -> None:
    """Print every setting with its value (secrets masked) and its meaning."""
    out.print(listing.settings_table(load_settings()))


@app.command()
def up() -> None:
    """Run the whole stack until Ctrl-C: servers, workers, API and Flower."""
    from worker.local.stack import run_stack

    run_stack(load_settings(), out)


@app.command()
def demo() -> None:
    """Run the whole stack for one bundled interview, print its report, then stop."""
    from worker.cli.demo import run_demo

    run_demo(load_settings(), out)


@app.command()
def worker(
    queues: Annotated[
        str, typer.Option(help="Queues to consume, separated by commas. Default: all.")
    ] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="Number of child processes.")] = 1,
    name: Annotated[str, typer.Option(help="Name of this worker, unique on its host.")] = "worker",
    events: Annotated[bool, typer.Option(help="Send task events, for Flower.")] = False,
) -> None:
    """Run a Celery worker."""
    from worker.celery_app.worker import run_worker

    chosen = [queue for queue in queues.split(",") if queue]
    run_worker(load_settings(), queues=chosen, concurrency=concurrency, name=name, events=events)


@app.command()
def server() -> None:
    """Run the sidecar: API, metrics and health."""
    from worker.server import serve

    serve(load_settings())


@app.command()
def flower() -> None:
    """Run Flower."""
    from worker.celery_app.worker import run_flower

    run_flower(load_settings())
