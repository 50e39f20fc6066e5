"""Protection against server-side request forgery (SSRF)."""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import anyio
import httpx2

from tasks.errors import Permanent


class ForbiddenAddress(Permanent):
    """The address of a request is not public."""

    code = "forbidden_address"


_SPECIAL_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            # Multicast, and reserved.
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
"""https://www.iana.org/assignments/iana-ipv4-special-registry/"""

_GLOBAL_IPV6 = IPv6Network("2000::/3")
"""All that is allocated: https://www.iana.org/assignments/ipv6-address-space/"""

_SPECIAL_IPV6 = tuple(
    map(
        IPv6Network,
        (
            # Protocol assignments, with Teredo, benchmarking and ORCHID.
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "2620:4f:8000::/48",
            "3fff::/20",
        ),
    )
)
"""https://www.iana.org/assignments/iana-ipv6-special-registry/, inside `_GLOBAL_IPV6`"""

_NAT64 = IPv6Network("64:ff9b::/96")
"""The prefix that translates to IPv4 (RFC 6052); the address is in the last 32 bits."""


class SSRFGuardTransport(httpx2.AsyncHTTPTransport):
    """A transport that connects to public addresses only, on every hop of a redirect."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to an address of its host, if all its addresses are public."""
        check_scheme(request.url.scheme)
        await pin_public_address(request)
        return await super().handle_async_request(request)


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
        ForbiddenAddress: One of the addresses is not public.
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


async def pin_public_address(request: httpx2.Request) -> None:
    """Make a request connect to a public address, without another DNS lookup.

    It can be cancelled while the name is resolved.

    Raises:
        ForbiddenAddress: One of the host's addresses is not public.
        httpx2.ConnectError: The host is not known.
    """
    address = await anyio.to_thread.run_sync(
        lambda: resolve_public_address(request.url), abandon_on_cancel=True
    )
    # The host name stays in the Host header and in the TLS handshake.
    request.extensions = {**request.extensions, "sni_hostname": request.url.host}
    request.url = request.url.copy_with(host=address)


def _is_this_machine(host: str) -> bool:
    """Whether a name is reserved for this machine, however it resolves (RFC 6761, 6.3)."""
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def _is_public(address: str) -> bool:
    """Whether an address is one of a host on the internet, by IANA's registries.

    What the registries do not list is allocated by them later, so only what is allocated today is
    public. `ipaddress.is_global` is as old as the Python that runs.
    """
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        translated = parsed.ipv4_mapped or _behind_nat64(parsed)
        if translated is None:
            return parsed in _GLOBAL_IPV6 and not any(parsed in one for one in _SPECIAL_IPV6)
        parsed = translated
    return not any(parsed in one for one in _SPECIAL_IPV4)


def _behind_nat64(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
