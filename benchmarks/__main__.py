"""The benchmark runner (`make bench`)."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks import api, monitoring, orchestration, recording, telemetry, transcription


@dataclass(frozen=True)
class Benchmark:
    """A benchmark with its name on the command line."""

    name: str
    run: Callable[[], Iterable[tuple[str, str, str, str, bool]]]


ALL = (
    Benchmark("transcription", transcription.rows),
    Benchmark("orchestration", orchestration.rows),
    Benchmark("api", api.rows),
    Benchmark("monitoring", monitoring.rows),
    Benchmark("recording", recording.rows),
    Benchmark("telemetry", telemetry.rows),
)


def main(wanted: list[str]) -> int:
    """Run benchmarks and print their results.

    Args:
        wanted: Names of benchmarks; all if empty.

    Returns:
        The number of results that miss their target.
    """
    out = Console()
    table = Table("benchmark", "measured", "baseline", "ratio (target)", box=None)
    missed = 0
    for benchmark in ALL:
        if wanted and benchmark.name not in wanted:
            continue
        out.print(f"Running {benchmark.name} …")
        for *cells, reached in benchmark.run():
            missed += not reached
            table.add_row(*cells, style="" if reached else "red")
    out.print(table)
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
