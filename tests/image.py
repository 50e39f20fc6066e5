"""Build the image and check its size: `make image-size`.

It needs docker, podman or buildah. `IMAGE_BUILD_OPTIONS` are further options of the build, such as
`--pull-never`.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys

from tests.processes import ROOT

LIMIT_MB = 700
_TAG = "interview-worker:size"
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def main() -> int:
    """Build the image with the default extras, and print its size.

    Returns:
        1 if it is too large or cannot be built, else 0.
    """
    engine = next(filter(shutil.which, ("docker", "podman", "buildah")), None)
    if engine is None:
        print("no docker, podman or buildah on this machine", file=sys.stderr)
        return 1
    options = shlex.split(os.environ.get("IMAGE_BUILD_OPTIONS", ""))
    built = subprocess.run([engine, "build", *options, "--tag", _TAG, "."], cwd=ROOT, check=False)
    if built.returncode:
        return 1
    size = size_of(engine, _TAG) / 10**6
    print(f"{_TAG}: {size:.0f} MB uncompressed, with the base image; the limit is {LIMIT_MB} MB")
    return int(size > LIMIT_MB)


def size_of(engine: str, tag: str) -> float:
    """The size of an image in bytes."""
    if engine == "buildah":
        return number_of_bytes(_output(engine, "images", "--noheading", "--format={{.Size}}", tag))
    return float(_output(engine, "image", "inspect", "--format={{.Size}}", tag))


def number_of_bytes(shown: str) -> float:
    """The number of bytes that buildah shows as `704 MB`."""
    found = re.fullmatch(r"([\d.]+) ?([kMG]?B)", shown)
    if found is None:
        raise ValueError(f"not a size: {shown!r}")
    return float(found[1]) * _UNITS[found[2]]


def _output(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
