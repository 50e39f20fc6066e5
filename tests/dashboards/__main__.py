"""`make dashboards-check`: asks a real Prometheus what each panel would show."""

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.dashboards.check import Answer, answers
from tests.dashboards.run import watched_run


def main() -> int:
    """Watch a run, ask, and print a table.

    Returns:
        0 where no panel is empty.
    """
    with (
        tempfile.TemporaryDirectory() as place,
        watched_run(Path(place), seconds=60) as source,
    ):
        found = list(answers(source))
    Console(width=140).print(table(found))
    empty = [answer for answer in found if answer.empty]
    panels = {(answer.dashboard.uid, answer.panel.title) for answer in found}
    sys.stdout.write(f"{len(found)} queries of {len(panels)} panels; {len(empty)} are empty\n")
    return int(bool(empty))


def table(found: list[Answer]) -> Table:
    """What each query found."""
    result = Table("Dashboard", "Panel", "Query", "Series", "Points", box=None)
    for answer in found:
        result.add_row(
            answer.dashboard.title.partition(": ")[2],
            answer.panel.title,
            answer.query.legend,
            str(answer.series),
            str(answer.points) if not answer.empty else "[red]EMPTY",
        )
    return result


if __name__ == "__main__":
    sys.exit(main())
