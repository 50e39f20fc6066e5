"""A report of the outcomes of interviews, in the style of Jepsen."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Outcome:
    """The outcomes of the interviews of one phase.

    Attributes:
        phase: The name of the injected fault.
        submitted: Attempts to submit an interview.
        acknowledged: Submissions with status 202.
        completed: Completed interviews.
        failed: Interviews with the status failed.
        lost: Acknowledged interviews that are missing or unfinished, and missing end events.
        duplicated: Effects that happened twice, or that no document records.
        recovered: Interviews that were delayed by a fault.
        longest: Seconds from the end of a fault to the end of the last interview it delayed.
    """

    phase: str
    submitted: int
    acknowledged: int
    completed: int
    failed: int
    lost: int
    duplicated: int
    recovered: int
    longest: float


def show(outcomes: Sequence[Outcome]) -> None:
    """Print them as a table."""
    numbers = [name for name in Outcome.__dataclass_fields__ if name != "phase"]
    table = Table("phase", title="Chaos")
    for name in numbers:
        table.add_column("longest, s" if name == "longest" else name, justify="right")
    for one in outcomes:
        table.add_row(one.phase, *(f"{getattr(one, name):g}" for name in numbers))
    Console(width=130).print(table)
