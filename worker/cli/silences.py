"""The `silence` and `silences` commands, which manage Alertmanager silences."""

import logging
import re
from contextlib import closing
from datetime import timedelta
from getpass import getuser
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tasks.errors import InvalidInput
from worker.adapters.alertmanager import Alertmanager
from worker.settings import load_settings

log = logging.getLogger(__name__)
out = Console()

app = typer.Typer(no_args_is_help=True, help="List and end the silences of alerts.")

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_DURATION = re.compile(r"(\d{1,4})([mhd])")
_MAX_DURATION = timedelta(days=7)


def parse_duration(text: str) -> timedelta:
    """Parse a duration such as 30m, 2h or 1d.

    Raises:
        InvalidInput: It is malformed, or longer than a week: long silences tend to be forgotten.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise InvalidInput("a duration is a number followed by m, h or d: 30m, 2h, 1d")
    lasts = int(found.group(1)) * _UNITS[found.group(2)]
    if not timedelta() < lasts <= _MAX_DURATION:
        raise InvalidInput("a silence must last between one minute and seven days")
    return lasts


def silence(
    lasts: Annotated[str, typer.Option("--for", help="Duration, such as 30m, 2h or 1d.")],
    reason: Annotated[str, typer.Option(help="Reason for the silence.")],
    alert: Annotated[
        str | None, typer.Option(help="Only this alert. Default: all alerts of this service.")
    ] = None,
) -> None:
    """Silence alerts for a limited time, such as during maintenance."""
    with closing(Alertmanager(load_settings().alertmanager_url)) as alertmanager:
        made = alertmanager.silence(
            duration=parse_duration(lasts), by=getuser(), reason=reason, alert=alert
        )
    log.warning("alerts are silenced for %s: %s", lasts, made)
    what = alert or "All alerts of this service"
    out.print(f"{what}: silent for {lasts}, by silence {made}", highlight=False)


@app.command("list")
def list_silences() -> None:
    """List the active silences."""
    with closing(Alertmanager(load_settings().alertmanager_url)) as alertmanager:
        found = alertmanager.silences()
    table = Table("silence", "alert", "until", "by", "reason", box=None)
    for one in found:
        table.add_row(
            one.id, one.alert or "all", f"{one.until:%Y-%m-%d %H:%M} UTC", one.by, one.reason
        )
    out.print(table if found else "Nothing is silenced.")


@app.command()
def end(
    silence: Annotated[str, typer.Argument(metavar="SILENCE", help="The silence's id.")],
) -> None:
    """End a silence now."""
    with closing(Alertmanager(load_settings().alertmanager_url)) as alertmanager:
        alertmanager.end(silence)
    log.warning("silence %s ended", silence)
    out.print(f"Silence {silence} ended", highlight=False)
