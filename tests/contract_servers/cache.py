"""Where servers are kept once they are built, for all clones of this user."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PINNED = Path(__file__).parent / "pinned"
"""What is built, with versions and checksums; a directory for each peer."""

_LAST_LINES = 3


class NotAvailable(Exception):
    """A server cannot be had on this machine; the message is the reason."""


def cache_directory() -> Path:
    """The directory of all servers: `interview-worker/servers` in the user's cache."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    return Path(chosen or Path.home() / ".cache") / "interview-worker" / "servers"


def kept(name: str, version: str, build: Callable[[Path], None]) -> Path:
    """The directory of a server, which is built if it is not in the cache yet.

    Its name has the version and a hash of what is pinned, so another pin is another directory.

    Args:
        name: The directory in `pinned`.
        version: The version, for people who look into the cache.
        build: Builds the server in the directory that it is given.

    Raises:
        NotAvailable: It could not be built.
    """
    place = cache_directory() / f"{name}-{version}-{_fingerprint(PINNED / name)}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_name(f"{place.name}.lock")):
        if not place.exists():
            # It is complete or not there: the directory gets its name when all is in it.
            made = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=place.parent))
            try:
                build(made)
                made.rename(place)
            finally:
                shutil.rmtree(made, ignore_errors=True)
    return place


def run(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a command that builds something, and return its output.

    Raises:
        NotAvailable: It failed; the reason is its last lines.
    """
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        last = [line.strip() for line in done.stdout.splitlines() if line.strip()][-_LAST_LINES:]
        raise NotAvailable(f"`{' '.join(command[:3])}` failed: {' | '.join(last) or 'no word'}")
    return done.stdout


def found(program: str, *places: str) -> str:
    """Where a program is, on the path or in one of these directories.

    Raises:
        NotAvailable: It is in none of them.
    """
    path = os.pathsep.join((os.environ.get("PATH", ""), *places))
    where = shutil.which(program, path=path)
    if where is None:
        raise NotAvailable(f"no {program} on this machine (`make contract-packages`)")
    return where


def _fingerprint(pinned: Path) -> str:
    digest = hashlib.sha256()
    for file in _files(pinned):
        digest.update(f"{file.relative_to(pinned)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _files(directory: Path) -> Iterable[Path]:
    return sorted(file for file in directory.rglob("*") if file.is_file())


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
