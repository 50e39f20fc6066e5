"""The command line."""

import sys

from rich.console import Console

from tasks.errors import InterviewWorkerError
from worker.cli import keys, silences, tracing
from worker.cli.commands import app

__all__ = ["main"]

app.add_typer(keys.app, name="keys")
app.command("trace")(tracing.trace)
app.command("silence")(silences.silence)
app.add_typer(silences.app, name="silences")


def main() -> None:
    """Run the command line. An error is printed on standard error and exits with code 1."""
    try:
        app()
    except InterviewWorkerError as error:
        message = f"interview-worker: {error.message}"
        Console(stderr=True, soft_wrap=True).print(message, style="red", markup=False)
        sys.exit(1)
