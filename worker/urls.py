"""URLs and host names."""

import re
from ipaddress import ip_address


def mask_url(url: str) -> str:
    """A URL without its user, password, query and fragment.

    A password may contain any character, also `/`, `?` and `@` that should have been encoded. So
    everything up to the last `@` is hidden, unless that is in a path without a password before it.
    """
    has_scheme = "://" in url
    scheme, separator, rest = url.partition("://") if has_scheme else ("", "", url)
    before, _, after = rest.rpartition("@")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority or ":" in before:
        rest = f"***@{after}"
    return scheme + separator + re.split(r"[?#]", rest, maxsplit=1)[0]


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
