"""`make dashboards-check` and `make dashboard-preview`, each with a separate run of the service."""

import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from rich.console import Console
from rich.table import Table

from monitoring.stack.grafana.preview.__main__ import render
from tests.dashboards.check import Answer, answers
from tests.dashboards.run import watched_run


def main() -> int:
    """Run the service, query every panel, and print a table; optionally render the dashboards.

    Returns:
        1 if a panel is empty, else 0.
    """
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="duration of the run")
    parser.add_argument("--preview", type=Path, help="directory for pages and pictures")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as place,
        watched_run(Path(place), seconds=chosen.seconds) as source,
    ):
        if chosen.preview is not None:
            render(source, chosen.preview)
        return _checked(list(answers(source)))


def _checked(found: list[Answer]) -> int:
    Console(width=140).print(_table(found))
    empty = [answer for answer in found if answer.empty]
    panels = {id(answer.panel) for answer in found}
    sys.stdout.write(f"{len(found)} queries of {len(panels)} panels; {len(empty)} are empty\n")
    return int(bool(empty))


def _table(found: list[Answer]) -> Table:
    result = Table("Dashboard", "Panel", "Query", "Series", "Points", box=None)
    for answer in found:
        result.add_row(
            answer.dashboard.title.partition(": ")[2],
            answer.panel.title,
            answer.query.legend,
            str(answer.series),
            "[red]EMPTY" if answer.empty else str(answer.points),
        )
    return result


if __name__ == "__main__":
    sys.exit(main())
