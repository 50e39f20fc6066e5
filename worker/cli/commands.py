"""The commands, each a few lines that call what does the work."""

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
    help="Recorded interviews in; transcript, analysis and booked follow-up out.",
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
        typer.Option(help="Type of interview, such as screening, unless --particulars names it."),
    ] = None,
    candidate: Annotated[
        str, typer.Option(help="The candidate, as 'Name <e-mail>'.")
    ] = "Candidate <candidate@example.invalid>",
    interviewer: Annotated[
        list[str] | None, typer.Option(help="Who meets the candidate next; may be repeated.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Zone of all who name no other.")] = "UTC",
    priority: Annotated[Priority, typer.Option()] = Priority.NORMAL,
    left: Annotated[
        str | None, typer.Option(help="Who speaks on the left channel: interviewer or candidate.")
    ] = None,
    analysis: Annotated[
        list[AnalysisType] | None, typer.Option(help="Only these parts; may be repeated.")
    ] = None,
    no_analysis: Annotated[bool, typer.Option("--no-analysis", help="Transcribe only.")] = False,
    consent: Annotated[
        str | None, typer.Option(help="Id of the candidate's consent to the analysis.")
    ] = None,
    callback_url: Annotated[
        str | None, typer.Option(help="Where the interview's events are posted.")
    ] = None,
    payload_file: Annotated[
        Path | None,
        typer.Option(
            "--particulars",
            exists=True,
            dir_okay=False,
            help="A JSON file with any of it; what it says comes before the other options.",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Show the progress, and then the report.")] = False,
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
    status: Annotated[list[Status] | None, typer.Option(help="Only these; repeatable.")] = None,
    type: Annotated[list[str] | None, typer.Option(help="Only these; repeatable.")] = None,  # noqa: A002
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
) -> None:
    """List interviews, newest first."""
    with ApiClient(load_settings()) as api:
        out.print(listing.table(api.list(status or [], type or [], limit)))


@app.command()
def show(
    interview_id: InterviewId,
    wait: Annotated[bool, typer.Option(help="Show the progress until it is done.")] = False,
) -> None:
    """Show an interview, and the report where there is one."""
    with ApiClient(load_settings()) as api:
        interview = api.get(interview_id)
        if wait:
            interview = follow(api, interview, out)
        render(api, interview, out)


@app.command()
def cancel(interview_id: InterviewId) -> None:
    """Call an interview off."""
    with ApiClient(load_settings()) as api:
        interview = api.act(interview_id, "cancel")
    out.print(f"Interview {interview.id} is {interview.status}", highlight=False)


@app.command()
def dead(
    type: Annotated[list[str] | None, typer.Option(help="Only these; repeatable.")] = None,  # noqa: A002
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
) -> None:
    """List the interviews that failed: at which stage, why, and since when."""
    with ApiClient(load_settings()) as api:
        failed = api.list([Status.FAILED], type or [], limit)
    out.print(listing.dead_table(failed))
    if failed:
        out.print("Send them on their way again: interview-worker retry ID …", highlight=False)


@app.command()
def retry(
    interview_ids: Annotated[
        list[UUID], typer.Argument(metavar="ID...", help="The ids of the interviews.")
    ],
) -> None:
    """Send failed interviews on their way again, each from the stage that failed."""
    with ApiClient(load_settings()) as api:
        for interview_id in interview_ids:
            interview = api.act(interview_id, "retry")
            out.print(f"Interview {interview.id} is {interview.status} again", highlight=False)


@app.command()
def audit(
    interview_id: Annotated[
        UUID | None, typer.Argument(metavar="[INTERVIEW]", help="Only what was done to this one.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
) -> None:
    """List who saw or changed what, newest first."""
    with ApiClient(load_settings()) as api:
        out.print(listing.audit_table(api.audit(interview_id, limit)))


@app.command()
def review(
    interview_id: InterviewId,
    by: Annotated[str, typer.Option(help="Who reviews.")],
    score: Annotated[
        list[str] | None,
        typer.Option(help="Override a score, as COMPETENCY=1…5 or COMPETENCY=none; repeatable."),
    ] = None,
    recommendation: Annotated[str | None, typer.Option(help="Override the advice.")] = None,
    reason: Annotated[str, typer.Option(help="Why; an override needs one.")] = "",
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
    agrees: Annotated[bool, typer.Option("--agree/--disagree", help="With what it says.")],
    by: Annotated[str, typer.Option(help="Who says so.")],
    comment: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Say whether you agree with a part of an analysis; it changes nothing in it."""
    opinion = {"type": type, "agrees": agrees, "by": by, "comment": comment}
    with ApiClient(load_settings()) as api:
        stored = api.give_feedback(interview_id, opinion)
    verb = "agrees" if stored.agrees else "disagrees"
    out.print(f"{stored.by} {verb} with the {stored.type} analysis", highlight=False)


@app.command()
def erase(
    interview_id: InterviewId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase an interview: its audio, transcript, analysis and booking."""
    if not yes:
        typer.confirm(f"Erase interview {interview_id} for good?", abort=True)
    with ApiClient(load_settings()) as api:
        api.erase(interview_id)
    out.print(f"Interview {interview_id} is erased", highlight=False)


@app.command("compare")
def compare_providers(
    recording: Recording,
    providers: Annotated[str, typer.Option(help="Speech providers, separated by commas.")],
    reference: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A text file with what is said."),
    ] = None,
    left: Annotated[
        str | None, typer.Option(help="Who speaks on the left channel: interviewer or candidate.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Draw the same, as SVG.")
    ] = None,
) -> None:
    """Compare speech providers on a recording: errors, speed, confidence and cost."""
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
    level: Annotated[LevelName, typer.Argument(help="From which on lines are logged.")],
) -> None:
    """Change what the running processes log, until they are started anew."""
    with ApiClient(load_settings()) as api:
        for process in api.change_log_level(level):
            out.print(f"{process} logs {level} and above", highlight=False)


@app.command()
def config() -> None:
    """Print every setting, its value with secrets masked, and what it is for."""
    out.print(listing.settings_table(load_settings()))


@app.command()
def up() -> None:
    """Run all of it until Ctrl-C: servers, workers, API and Flower."""
    from worker.local.stack import run_stack

    run_stack(load_settings(), out)


@app.command()
def demo() -> None:
    """Run all of it for one bundled interview, print its report, and stop it again."""
    from worker.cli.demo import run_demo

    run_demo(load_settings(), out)


@app.command()
def worker(
    queues: Annotated[
        str, typer.Option(help="Queues, separated by commas; all of them if not given.")
    ] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="Child processes.")] = 1,
    name: Annotated[str, typer.Option(help="Name of this worker on its host.")] = "worker",
    events: Annotated[bool, typer.Option(help="Send task events, which Flower shows.")] = False,
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
