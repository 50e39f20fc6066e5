"""SecantusDB, a server of the MongoDB protocol, out of the wheel of `secantusdb`.

SecantusDB is licensed under the GPL-2.0: it is run as a program, and never imported.
"""

import sys
from pathlib import Path

import pymongo
from pymongo.errors import PyMongoError

from worker.local.embedded.server import missing_embedded


class MongoDB:
    """A single-node SecantusDB."""

    name = "mongodb"
    setting = "MONGODB_URL"

    def argv(self, port: int, data: Path) -> list[str]:
        """The command that serves on a loopback port and keeps its data in a directory."""
        # Not resolved: a virtual environment's interpreter is a link, with the scripts next to it.
        script = Path(sys.executable).with_name("secantusd-py")
        if not script.exists():
            raise missing_embedded("secantusd-py")
        config = data / "secantusd.toml"  # an empty one keeps it from looking for others
        config.touch()
        options = {
            "config": str(config),
            "host": "127.0.0.1",
            "port": str(port),
            "storage-path": str(data),
            "cache-size": "256M",
            "log-level": "WARNING",
        }
        return [
            str(script),
            # A replica set keeps every write in its oplog for an hour, and what is erased with it.
            "--standalone",
            *(part for key, value in options.items() for part in (f"--{key}", value)),
        ]

    def url(self, port: int) -> str:
        """The value of `MONGODB_URL`."""
        # Without waiting for the journal, a kill loses the last tenth of a second of what was
        # acknowledged, just as MongoDB itself does with a write concern below "majority".
        return f"mongodb://127.0.0.1:{port}/?journal=true"

    def is_ready(self, url: str) -> bool:
        """Whether it answers."""
        try:
            with pymongo.MongoClient[dict[str, object]](
                url, serverSelectionTimeoutMS=200, socketTimeoutMS=2000, directConnection=True
            ) as client:
                return bool(client.admin.command("ping")["ok"])
        except PyMongoError:
            return False
