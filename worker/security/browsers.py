"""Protection of a server without authentication against web pages.

A server on a loopback address is open to everything on its machine, also to every page that a
browser there shows: by requests to another site (CSRF), and by names that a page's owner resolves
to 127.0.0.1 (DNS rebinding).
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from worker.urls import is_loopback

_SAFE = frozenset({"GET", "HEAD"})
_OWN = frozenset({"same-origin", "none"})


def reason_to_refuse(method: str, header: Callable[[str], str | None]) -> str | None:
    """Why a request must be refused, if it may come from a foreign web page.

    Links from other pages are allowed: their pages do not see the response.

    Args:
        method: The HTTP method.
        header: Returns the value of a request header; None if the request has none.
    """
    host = header("host")
    if host is not None and not _is_loopback(host):
        return "without authentication, only requests to a loopback address are served"
    # https://www.w3.org/TR/fetch-metadata/
    site, mode = header("sec-fetch-site"), header("sec-fetch-mode")
    is_link = mode == "navigate" and method in _SAFE
    if site is not None and site not in _OWN and not is_link:
        return "without authentication, no requests of other sites are served"
    origin = header("origin")
    if origin is not None and _authority(origin) != host:
        return "without authentication, no requests of other origins are served"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return is_loopback((urlsplit(f"//{host}").hostname or "").removesuffix("."))
    except ValueError:
        return False


def _authority(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None
