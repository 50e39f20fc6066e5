"""SecantusDB, a server with the MongoDB protocol, from the wheel of `secantusdb`.

SecantusDB is licensed under the GPL-2.0. It runs as a separate process and is never imported.
"""

import sys
from pathlib import Path

import pymongo
from pymongo.errors import PyMongoError

from worker.local.embedded.server import missing_embedded


class MongoDB:
    """SecantusDB as a single node."""

    name = "mongodb"
    setting = "MONGODB_URL"

    def argv(self, port: int, data: Path) -> list[str]:
        """The command line of the server."""
        # Not resolved: in a virtual environment the interpreter is a symbolic link, and the scripts
        # are next to the link.
        script = Path(sys.executable).with_name("secantusd-py")
        if not script.exists():
            raise missing_embedded("secantusd-py")
        config = data / "secantusd.toml"  # an empty file, so that it does not look for others
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
            # A replica set's oplog would keep each write, including erased data, for an hour.
            "--standalone",
            *(part for key, value in options.items() for part in (f"--{key}", value)),
        ]

    def url(self, port: int) -> str:
        """The value of `MONGODB_URL`."""
        # Without journaling, a kill loses acknowledged writes of the last tenth of a second, as
        # MongoDB does with a write concern below "majority".
        return f"mongodb://127.0.0.1:{port}/?journal=true"

    def is_ready(self, url: str) -> bool:
        """Whether the server responds to a ping."""
        try:
            with pymongo.MongoClient[dict[str, object]](
                url, serverSelectionTimeoutMS=200, socketTimeoutMS=2000, directConnection=True
            ) as client:
                return bool(client.admin.command("ping")["ok"])
        except PyMongoError:
            return False
