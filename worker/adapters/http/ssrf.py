"""Keeps requests whose address others choose from leading inside the network we run in."""

import ipaddress
import socket

import httpx2

from tasks.errors import Permanent


class ForbiddenAddress(Permanent):
    """An address that must not be reached."""

    code = "forbidden_address"


class SSRFGuardTransport(httpx2.HTTPTransport):
    """A transport that connects to public addresses only, on every hop of a redirect."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to an address of its host, after all of them were found to be public."""
        check_scheme(request.url.scheme)
        pin_address(request, resolve_public_address(request.url))
        return super().handle_request(request)


def check_scheme(scheme: str) -> None:
    """Refuse every scheme but http and https.

    Raises:
        Forbidden: It is another one.
    """
    if scheme not in {"http", "https"}:
        raise ForbiddenAddress("only http and https are allowed")


def resolve_public_address(url: httpx2.URL) -> str:
    """Find an address of a URL's host, all of whose addresses are public.

    Only a connection to this very address is safe: a name server's next answer may be another.

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
    """Have a request connect to an address instead of looking up its host once more."""
    # The name still goes into the Host header, which is set, and into the TLS handshake.
    request.extensions = {**request.extensions, "sni_hostname": request.url.host}
    request.url = request.url.copy_with(host=address)


def _is_this_machine(host: str) -> bool:
    """Whether a name means this machine, whatever a resolver knows of it (RFC 6761, 6.3)."""
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        # Addresses that carry an IPv4 address inside lead to that one.
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if inner is not None:
            return inner.is_global
        if parsed in ipaddress.ip_network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF).is_global
    return parsed.is_global and not parsed.is_multicast
