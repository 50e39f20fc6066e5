"""Programs from Go modules, whose checksums are in `go.sum`."""

import re
import shutil
import tempfile
from pathlib import Path

from tests.contract_servers.cache import PINNED, found, kept, run

_PLACES = ("/usr/local/go/bin", "/usr/lib/go/bin")


def version_of(name: str, module: str) -> str:
    """The version of a module that `go.mod` pins, without its `v`."""
    text = (PINNED / name / "go.mod").read_text()
    (version,) = re.findall(rf"\s{re.escape(module)} v(\S+)", text)
    return str(version)


def built(name: str, module: str, package: str = ".") -> Path:
    """A program built from the module in `pinned/<name>`; its file is called `<name>`.

    Args:
        name: The directory in `pinned`.
        module: The module whose version counts.
        package: The package of the program.

    Raises:
        NotAvailable: There is no Go, or the modules cannot be had.
    """

    def build(place: Path) -> None:
        go = found("go", *_PLACES)
        with tempfile.TemporaryDirectory(prefix="contract-servers-") as scratch:
            source = Path(scratch) / name
            shutil.copytree(PINNED / name, source)
            run(
                [go, "build", "-trimpath", "-buildvcs=false", "-o", str(place / name), package],
                cwd=source,
            )

    return kept(name, version_of(name, module), build) / name
