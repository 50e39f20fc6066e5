"""Jars from Maven, whose checksums are in `SHA256SUMS`."""

import hashlib
import re
from pathlib import Path

from tests.contract_servers.cache import PINNED, NotAvailable, found, kept, run

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def version_of(name: str) -> str:
    """The version of the first dependency in `pinned/<name>/pom.xml`."""
    text = (PINNED / name / "pom.xml").read_text().partition("<dependencies>")[2]
    return str(re.findall(r"<version>(.+?)</version>", text)[0])


def jars(name: str) -> Path:
    """A directory with the jars that `pinned/<name>` lists.

    Raises:
        NotAvailable: There is no Maven, the jars cannot be had, or one of them is not
            what was pinned.
    """

    def fetch(place: Path) -> None:
        pom = str(PINNED / name / "pom.xml")
        run([found("mvn"), "-B", "-q", "-f", pom, _PLUGIN, f"-DoutputDirectory={place}"])
        wrong = set((PINNED / name / "SHA256SUMS").read_text().splitlines()) ^ set(checksums(place))
        if wrong:
            raise NotAvailable(f"not the jars that are pinned: {', '.join(sorted(wrong))}")

    return kept(name, version_of(name), fetch)


def checksums(place: Path) -> list[str]:
    """A line for each jar, as sha256sum writes it."""
    return [
        f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}"
        for jar in sorted(place.glob("*.jar"))
    ]
