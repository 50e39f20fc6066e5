"""FerretDB 1, a second server with the MongoDB protocol, on SQLite."""

from dataclasses import dataclass
from pathlib import Path

from worker.local.embedded.mongodb import MongoDB


@dataclass
class FerretDB:
    """FerretDB as a `ServerKind`, in place of SecantusDB.

    Attributes:
        program: Where it is.
    """

    program: Path
    name = "mongodb"
    setting = MongoDB.setting

    def argv(self, port: int, data: Path) -> list[str]:
        """The command line of the server."""
        return [str(self.program), f"-listen=127.0.0.1:{port}", f"-data={data}"]

    def url(self, port: int) -> str:
        """The value of `MONGODB_URL`."""
        return f"mongodb://127.0.0.1:{port}/"

    def is_ready(self, url: str) -> bool:
        """Whether the server responds to a ping."""
        return MongoDB().is_ready(url)
