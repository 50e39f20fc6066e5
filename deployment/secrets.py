"""`make secrets`: creates the missing secrets for docker-compose.yml.

It uses only the standard library, because it runs before any package is installed.
"""

import json
import secrets
from base64 import b64encode
from pathlib import Path

PLACE = Path(__file__).parents[1] / "secrets"


def main() -> None:
    """Create the missing secrets in the directory `secrets`."""
    make(PLACE)


def make(place: Path) -> None:
    """Write one file for each missing secret; existing files are not changed.

    The files are readable by all users, because the containers run with other user ids. On the host
    they are protected by the directory, which only its owner can access.
    """
    place.mkdir(mode=0o700, exist_ok=True)
    for name, content in _contents(_password(place, "redis"), _password(place, "mongodb")).items():
        file = place / name
        if not file.exists():
            file.write_text(content)
            file.chmod(0o644)


def _password(place: Path, server: str) -> str:
    """The existing password of a server, for the URLs that contain it; otherwise a new one."""
    file = place / f"{server}_password"
    return file.read_text() if file.exists() else secrets.token_urlsafe(24)


def _contents(redis: str, mongodb: str) -> dict[str, str]:
    redis_url = f"redis://:{redis}@redis:6379/0"
    login = f"mongodb://root:{mongodb}@mongodb:27017"
    options = "authSource=admin&replicaSet=rs0"
    return {
        "redis_password": redis,
        "redis_exporter.json": json.dumps({"redis://redis:6379": redis}),
        "redis_url": redis_url,
        "celery_exporter.env": f"CE_BROKER_URL={redis_url}\n",
        "mongodb_password": mongodb,
        "mongodb_key": b64encode(secrets.token_bytes(96)).decode(),
        "mongodb_url": f"{login}/interviews?{options}",
        "mongodb_exporter.env": f"MONGODB_URI={login}/admin?{options}\n",
        "caldav_url": "http://calendar:5232/",
        "webhook_secret": f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",
        "flower_basic_auth": f"admin:{secrets.token_urlsafe(18)}",
        "grafana_password": secrets.token_urlsafe(18),
        # Empty: not configured. Write a key to the file to use the provider.
        "openai_api_key": "",
        "anthropic_api_key": "",
    }


if __name__ == "__main__":
    main()
