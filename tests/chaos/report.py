"""What became of the interviews, in the manner of Jepsen."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Outcome:
    """What became of the interviews of one phase.

    Attributes:
        phase: What was done to the stack.
        submitted: Attempts to submit an interview.
        acknowledged: Those that were answered with 202.
        completed: Interviews that came to a good end.
        failed: Interviews that failed, for all to see.
        lost: Acknowledged interviews that are gone or came to no end, and ends nobody was told of.
        duplicated: Effects that came about twice, or came about without a document knowing.
        recovered: Interviews that a fault had held up.
        longest: Seconds from the end of a fault to the end of the last one that it held up.
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
