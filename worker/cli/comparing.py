"""The `compare` command."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tasks.errors import InvalidInput
from tasks.interviews.interview import Channels
from tasks.providers.comparison import Comparison, compare
from worker.adapters.media import probe
from worker.bootstrap import provider_context
from worker.cli.payloads import speakers
from worker.plugins import SPEECH
from worker.settings import Settings

_WIDTH = 100
"""Width of the SVG, in columns."""


def run_comparison(
    settings: Settings,
    recording: Path,
    providers: Sequence[str],
    *,
    reference: Path | None,
    left: str | None,
    picture: Path | None,
    out: Console,
) -> bool:
    """Compare speech providers on a recording, and print a table of the results.

    Args:
        settings: The settings.
        recording: The recording.
        providers: The names of the providers.
        reference: A text file with the reference transcript.
        left: The speaker on the left channel: interviewer or candidate.
        picture: An SVG file to write the table to.
        out: The console to print to.

    Returns:
        Whether at least one provider returned a transcript.

    Raises:
        InvalidInput: The recording is invalid.
        Permanent: A provider does not exist or cannot be created.
    """
    audio = probe(recording, name=recording.name, max_duration=settings.max_audio_seconds)
    channels = Channels.model_validate(speakers(left)) if left else None
    if channels is not None and audio.channels != 2:
        raise InvalidInput("--left requires a recording with two channels")
    words = reference.read_text(encoding="utf-8") if reference else None
    with provider_context(settings) as context:
        made = [SPEECH.open(name, context) for name in providers]
        found = compare(made, recording, audio, channels, words)
    table = _table(recording.name, found)
    out.print(table)
    if picture is not None:
        _draw(table, picture)
    return any(one.transcript is not None for one in found)


def _table(title: str, found: Sequence[Comparison]) -> Table:
    table = Table(title=title)
    table.add_column("provider")
    table.add_column("model")
    for heading in ("word errors", "real-time factor", "confidence", "words", "cost"):
        table.add_column(heading, justify="right")
    for one in found:
        table.add_row(one.provider, *_row(one))
    return table


def _row(one: Comparison) -> list[str]:
    heard = one.transcript
    if heard is None:
        return [f"[red]{one.error}[/]", *["-"] * 5]
    return [
        heard.model,
        _percent(one.word_error_rate),
        f"{one.real_time_factor:.2f}",
        _percent(heard.confidence),
        str(len(heard.text.split())),
        "-" if heard.cost is None else f"${heard.cost:.4f}",
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _draw(table: Table, picture: Path) -> None:
    console = Console(record=True, width=_WIDTH, file=StringIO())
    console.print(table)
    console.save_svg(str(picture), title="interview-worker compare")
