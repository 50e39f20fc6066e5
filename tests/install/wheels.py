"""A check that each pinned package has a wheel for each supported platform and Python.

uv resolves each lock for the other platforms. A lock contains hashes but no file names, so the
registry is needed to find the file of each hash.
"""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

from tests.processes import ROOT

_PLATFORMS = {
    "Linux on x86-64": "x86_64-manylinux_2_28",
    "Linux on arm64": "aarch64-manylinux_2_28",
    "macOS on arm64": "aarch64-apple-darwin",
}
_PYTHONS = ("3.11", "3.12", "3.13")
_LOCKS = ("run", "dev", "tools", "build", "uv")
# The oldest macOS that Apple supports, and for which onnxruntime and PyAV have wheels.
_MACOS = "14.0"


def missing() -> list[str]:
    """Print a line for each platform, and return the packages that cannot be installed."""
    faults = []
    for name, platform in _PLATFORMS.items():
        combinations = list(product(_LOCKS, _PYTHONS))
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(partial(_resolve, platform), combinations)
            found = [
                f"{lock}.lock on Python {python} and {name}: {answer}"
                for (lock, python), answer in zip(combinations, answers, strict=True)
                if answer
            ]
        print(f"wheels for {name}: {'MISSING' if found else 'all there'}", flush=True)
        faults += found
    return faults


def _resolve(platform: str, combination: tuple[str, str]) -> str:
    lock, python = combination
    with tempfile.TemporaryDirectory() as target:
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("uv")), "--no-config", "pip", "install"),
                *(
                    "--dry-run",
                    "--quiet",
                    "--no-deps",
                    "--only-binary",
                    ":all:",
                    "--require-hashes",
                ),
                *("--python-platform", platform, "--python-version", python),
                *("--target", target, "--requirement", f"requirements/{lock}.lock"),
            ],
            cwd=ROOT,
            env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": _MACOS},
            capture_output=True,
            text=True,
            check=False,
        )
    return done.stderr.strip() if done.returncode else ""
