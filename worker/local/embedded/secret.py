"""The generated webhook secret, used if `WEBHOOK_SECRET` is not set."""

import secrets
from base64 import b64encode
from pathlib import Path

_BYTES = 32


def webhook_secret(data_dir: Path) -> str:
    """Read the secret from the file `webhook-secret`, which is created on first use.

    Args:
        data_dir: The data directory; this process must hold its lock.
    """
    file = data_dir / "webhook-secret"
    if not file.exists():
        made = file.with_suffix(".new")
        made.unlink(missing_ok=True)
        made.touch(0o600)
        made.write_text(f"whsec_{b64encode(secrets.token_bytes(_BYTES)).decode()}\n")
        # Renamed atomically, so that a crash cannot leave a partial file.
        made.replace(file)
    return file.read_text().strip()
