"""The secret that signs callbacks, where nobody has set one."""

import secrets
from base64 import b64encode
from pathlib import Path

_BYTES = 32


def webhook_secret(data_dir: Path) -> str:
    """The secret in `webhook-secret`, which is made at first and then stays.

    Args:
        data_dir: A directory that no other process works on.
    """
    file = data_dir / "webhook-secret"
    if not file.exists():
        made = file.with_suffix(".new")
        made.unlink(missing_ok=True)
        made.touch(0o600)
        made.write_text(f"whsec_{b64encode(secrets.token_bytes(_BYTES)).decode()}\n")
        # Whole or not at all, should the machine stop here.
        made.replace(file)
    return file.read_text().strip()
