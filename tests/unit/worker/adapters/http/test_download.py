"""Download of recordings: public addresses only, and limited in size and time."""

import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

from tasks.errors import InvalidInput
from tests.servers.dripping import DRIPS, dripping
from tests.timing import allowed, within
from worker.adapters.http import ssrf
from worker.adapters.http.download import download
from worker.ports import DownloadLimits

LIMITS: DownloadLimits = {"max_bytes": 1000, "timeout": allowed(5), "allow_private": False}
OPEN: DownloadLimits = {**LIMITS, "allow_private": True}


class Handler(BaseHTTPRequestHandler):
    redirect_to = ""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", self.redirect_to)
            self.end_headers()
        elif self.path == "/gone":
            self.send_error(404)
        elif self.path == "/declared":
            self.send_response(200)
            self.send_header("Content-Length", "1001")
            self.end_headers()
        elif self.path == "/packed":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip, gzip")
            self.end_headers()
            self.wfile.write(gzip.compress(gzip.compress(b"x")))
        elif self.path == "/broken":
            self.send_response(200)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b"x" * 100)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * (2000 if self.path == "/large" else 1000))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def code_of(url: str, limits: DownloadLimits) -> str:
    with pytest.raises(InvalidInput) as caught, download(url, **limits):
        pass
    assert caught.value.pointer == "/audio_url"
    return caught.value.code


def test_fetches(server: str) -> None:
    with download(f"{server}/some/my%20talk.flac?x=1", **OPEN) as (file, name):
        assert file.read_bytes() == b"x" * 1000
        assert name == "my talk.flac"
    assert not file.exists()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/gone", "audio_url_unreachable"),
        ("/broken", "audio_url_unreachable"),
        ("/declared", "too_large"),
        ("/large", "too_large"),
        ("/packed", "audio_url_encoding"),
    ],
)
def test_says_why_it_cannot(server: str, path: str, code: str) -> None:
    assert code_of(server + path, OPEN) == code


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a",
        "http://localhost/a",
        "http://[::1]/a",
        "http://[::ffff:127.0.0.1]/a",
        "http://[64:ff9b::7f00:1]/a",
        "http://[2002:7f00:1::]/a",
        "http://0.0.0.0/a",
        "http://0x7f.1/a",
        "http://2130706433/a",
        "http://10.1.2.3/a",
        "http://172.16.0.1/a",
        "http://192.168.1.1/a",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/a",
        "http://[fd00::1]/a",
        "http://100.64.0.1/a",
        "http://224.0.0.1/a",
        "http://192.0.0.8/a",
        "http://192.0.0.9/a",
        "http://192.88.99.1/a",
        "http://198.19.0.1/a",
        "http://203.0.113.7/a",
        "http://240.0.0.1/a",
        "http://255.255.255.255/a",
        # IPv4 inside IPv6: compatible, translated, NAT64 of a local network, 6to4, Teredo, ISATAP.
        "http://[::127.0.0.1]/a",
        "http://[::ffff:0:127.0.0.1]/a",
        "http://[::ffff:0:8.8.8.8]/a",
        "http://[64:ff9b::a00:1]/a",
        "http://[64:ff9b:1::7f00:1]/a",
        "http://[64:ff9b:1::808:808]/a",
        "http://[2002:808:808::]/a",
        "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/a",
        "http://[fe80::5efe:127.0.0.1]/a",
        # Reserved, deprecated, documentation, benchmarking, segment routing, multicast.
        "http://[::]/a",
        "http://[100::1]/a",
        "http://[fec0::1]/a",
        "http://[5f00::1]/a",
        "http://[3fff::1]/a",
        "http://[4000::1]/a",
        "http://[2001:db8::1]/a",
        "http://[2001:2::1]/a",
        "http://[2001:20::1]/a",
        "http://[ff02::1]/a",
        "https://user@127.0.0.1/a",
        "ftp://example.com/a",
        "file:///etc/passwd",
        "gopher://127.0.0.1/a",
        "javascript:alert(1)",
        "no url at all",
    ],
)
def test_reaches_nothing_inside(url: str) -> None:
    assert code_of(url, LIMITS) == "audio_url_forbidden"


@pytest.mark.parametrize(
    "host", ["93.184.215.14", "[2606:4700:4700::1111]", "[64:ff9b::808:808]", "[::ffff:8.8.8.8]"]
)
def test_public_addresses_are_allowed(host: str) -> None:
    assert ssrf.resolve_public_address(httpx2.URL(f"http://{host}/a")) == host.strip("[]")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "hooks.localhost"])
def test_this_machine_is_refused_though_nobody_knows_its_name(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    def unknown(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert code_of(f"http://{host}/a", LIMITS) == "audio_url_forbidden"


def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        # One private address is enough to reject a host.
        return [(*stream, ("93.184.215.14", 80)), (*stream, ("127.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert code_of("http://rebound.example/a", LIMITS) == "audio_url_forbidden"


def test_a_redirect_that_leads_inside_is_refused(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The test's server counts as public; the address that it redirects to is really checked.
    port = server.rpartition(":")[2]
    check = ssrf.resolve_public_address
    monkeypatch.setattr(
        ssrf,
        "resolve_public_address",
        lambda url: "127.0.0.1" if url.host == "public.example" else check(url),
    )
    monkeypatch.setattr(Handler, "redirect_to", f"{server}/inside")
    assert code_of(f"http://public.example:{port}/moved", LIMITS) == "audio_url_forbidden"
    monkeypatch.setattr(Handler, "redirect_to", "file:///etc/passwd")
    assert code_of(f"http://public.example:{port}/moved", LIMITS) == "audio_url_forbidden"
    with download(f"http://public.example:{port}/a", **LIMITS) as (file, _):
        assert file.stat().st_size == 1000


def test_an_endless_redirect_ends(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "redirect_to", f"{server}/moved")
    assert code_of(f"{server}/moved", OPEN) == "audio_url_unreachable"


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/a"
        assert code_of(url, OPEN) == "audio_url_unreachable"


@pytest.mark.parametrize("what", DRIPS)
def test_a_server_that_keeps_sending_is_left_in_time(what: str) -> None:
    limits: DownloadLimits = {**OPEN, "timeout": 0.5}
    with (
        dripping(*DRIPS[what]) as url,
        within(1, before=30),
        pytest.raises(InvalidInput) as caught,
        download(url, **limits),
    ):
        pass
    # Redirects may reach their number first.
    assert caught.value.code in {"audio_url_timeout", "audio_url_unreachable"}


def test_a_name_server_that_does_not_answer_is_left_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = threading.Event()

    def resolve(*_: Any, **__: Any) -> list[Any]:
        ended.wait(60)
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    try:
        with within(1, before=30):
            code = code_of("http://slow.example/a", {**LIMITS, "timeout": 0.5})
    finally:
        ended.set()
    assert code == "audio_url_timeout"
