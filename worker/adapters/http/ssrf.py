"""Protection against server-side request forgery (SSRF)."""

import ipaddress
import socket

import httpx2

from tasks.errors import Permanent


class ForbiddenAddress(Permanent):
    """The address of a request is not public."""

    code = "forbidden_address"


class SSRFGuardTransport(httpx2.HTTPTransport):
    """A transport that connects to public addresses only, on every hop of a redirect."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to an address of its host, if all its addresses are public."""
        check_scheme(request.url.scheme)
        pin_address(request, resolve_public_address(request.url))
        return super().handle_request(request)


def check_scheme(scheme: str) -> None:
    """Reject schemes other than http and https.

    Raises:
        ForbiddenAddress: The scheme is another one.
    """
    if scheme not in {"http", "https"}:
        raise ForbiddenAddress("only http and https are allowed")


def resolve_public_address(url: httpx2.URL) -> str:
    """Resolve the host of a URL, and check that all its addresses are public.

    Connect only to the returned address: the next DNS answer may be a different one.

    Raises:
        Forbidden: One of the addresses is not public.
        httpx2.ConnectError: The host is not known.
    """
    if _is_this_machine(url.host):
        raise ForbiddenAddress(f"{url.host} leads to an address that is not public")
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx2.ConnectError(f"{url.host} is not known") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not all(map(_is_public, addresses)):
        raise ForbiddenAddress(f"{url.host} leads to an address that is not public")
    return addresses[0]


def pin_address(request: httpx2.Request, address: str) -> None:
    """Make a request connect to an address, without another DNS lookup."""
    # The host name stays in the Host header and in the TLS handshake.
    request.extensions = {**request.extensions, "sni_hostname": request.url.host}
    request.url = request.url.copy_with(host=address)


def _is_this_machine(host: str) -> bool:
    """Whether a name is reserved for this machine, however it resolves (RFC 6761, 6.3)."""
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        # IPv6 addresses with an embedded IPv4 address lead to the latter.
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if inner is not None:
            return inner.is_global
        if parsed in ipaddress.ip_network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF).is_global
    return parsed.is_global and not parsed.is_multicast
