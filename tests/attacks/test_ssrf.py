"""The guarded fetcher reaches the public internet or nothing (threats A24; RFC 9700, section 4.9)."""

import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AF_INET6, create_server, has_dualstack_ipv6
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from idp.domain.errors import FetchRefused
from idp.outbound.guarded_fetcher import MAX_BODY, TOTAL_SECONDS, GuardedFetcher
from tests.attacks.hostile_addresses import RESOLVED, URL_HOSTS
from tests.listening_app import ListeningApp, listening_app

PUBLIC = "93.184.215.14"
ELSEWHERE = "2606:2800:21f:cb07::1"


@dataclass
class Canary:
    """Listens on every local address and counts who connects."""

    port: int = 0
    connections: int = 0


@pytest.fixture
def canary() -> Iterator[Canary]:
    dual = has_dualstack_ipv6()
    options: dict[str, Any] = {"family": AF_INET6, "dualstack_ipv6": True} if dual else {}
    counted = Canary()
    with closing(create_server(("::" if dual else "0.0.0.0", 0), backlog=64, **options)) as listener:
        counted.port = listener.getsockname()[1]

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                counted.connections += 1
                connection.close()

        listener.settimeout(None)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield counted
        listener.shutdown(2)
        thread.join(5)


@dataclass
class Network(httpcore.SyncBackend):
    """Remembers where connections were asked for; `routes` leads public addresses to a server of the test."""

    routes: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        self.asked.append(host)
        if host in (PUBLIC, ELSEWHERE):
            if host not in self.routes:
                raise httpcore.ConnectError("nobody there")
            return super().connect_tcp("127.0.0.1", self.routes[host], *args, **kwargs)
        return super().connect_tcp(host, port, *args, **kwargs)


@dataclass
class Names:
    """A name server whose answers change with every question; the last one stays."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def refusal(fetcher: GuardedFetcher, url: str) -> str:
    """The reason of a refused GET, which must be that of the POST too."""
    with pytest.raises(FetchRefused) as of_get:
        fetcher.get(url)
    with pytest.raises(FetchRefused) as of_post:
        fetcher.post(url, b"logout_token=x", "application/x-www-form-urlencoded")
    assert of_get.value.reason == of_post.value.reason
    return of_get.value.reason


def test_no_hostile_host_in_any_notation_gets_a_connection(canary: Canary) -> None:
    network = Network()
    fetcher = GuardedFetcher(loopback=False, network=network)
    assert len(set(URL_HOSTS)) == len(URL_HOSTS) >= 60
    for host in URL_HOSTS:
        for scheme in ("https", "http"):
            assert refusal(fetcher, f"{scheme}://{host}:{canary.port}/keys") in ("bad_address", "not_global"), host
    assert (network.asked, canary.connections) == ([], 0)


def test_no_name_that_resolves_to_a_special_address_gets_a_connection(canary: Canary) -> None:
    network = Network()
    for address in RESOLVED:
        fetcher = GuardedFetcher(loopback=False, network=network, resolver=Names([[address]]))
        assert refusal(fetcher, f"https://app.example:{canary.port}/keys") == "not_global", address
    assert (network.asked, canary.connections) == ([], 0)


def test_a_name_with_one_special_address_among_public_ones_is_not_used(canary: Canary) -> None:
    network = Network()
    for answer in ([PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC], [ELSEWHERE, "::1"]):
        fetcher = GuardedFetcher(loopback=False, network=network, resolver=Names([answer]))
        assert refusal(fetcher, f"https://app.example:{canary.port}/") == "not_global"
    assert (network.asked, canary.connections) == ([], 0)


def test_loopback_names_are_never_asked_of_a_name_server(canary: Canary) -> None:
    names = Names([[PUBLIC]])
    fetcher = GuardedFetcher(loopback=False, network=Network(), resolver=names)
    for host in ("localhost", "app.localhost"):
        assert refusal(fetcher, f"https://{host}:{canary.port}/") == "not_global"
    assert (names.asked, canary.connections) == ([], 0)


def test_a_rebinding_name_server_is_asked_once_and_its_first_answer_is_connected_to(canary: Canary) -> None:
    names, network = Names([[PUBLIC], ["127.0.0.1"]]), Network()
    fetcher = GuardedFetcher(loopback=False, network=network, resolver=names)
    with pytest.raises(FetchRefused, match="no connection"):
        fetcher.get(f"https://app.example:{canary.port}/keys")
    assert (names.asked, network.asked, canary.connections) == (["app.example"], [PUBLIC], 0)
    assert refusal(fetcher, f"https://app.example:{canary.port}/keys") == "not_global"
    assert canary.connections == 0


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:{canary}/", "/keys"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(canary: Canary, app: ListeningApp, status: int, target: str) -> None:
    network = Network()
    app.answers["/moved"] = (status, {"Location": target.replace("{canary}", str(canary.port))}, b"{}")
    fetcher = GuardedFetcher(loopback=True, network=network)
    assert refusal(fetcher, app.url("/moved")) == "redirect"
    assert (network.asked, canary.connections) == (["127.0.0.1"] * 2, 0)
    assert [request.path for request in app.received] == ["/moved"] * 2


def test_no_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, canary: Canary, app: ListeningApp
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    app.answers["/keys"] = (200, {}, b"{}")
    assert GuardedFetcher(loopback=True).get(app.url("/keys")) == b"{}"
    assert canary.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "", "keys", "//app.example/", "ftp://app.example/", "file:///etc/passwd", "gopher://app.example/", "data:,x",
        "https:/app.example", "https://", "https:///keys", "https://app.example/#top", "https://u@app.example/",
        "https://u:p@app.example/", "https://app.example:0/", "https://app.example:/", "https://app.example:65536/",
        "https://app.example:x/", "HTTPS://app.example/", "https://app.example/ keys", "https://app.example/\r\nX: y",
        "https://app.example/\x00", "https://" + "a" * 64 + ".example/", "https://" + "a." * 127 + "example/",
        "https://app.example/" + "k" * 2000, "http://app.example/", "unix:///var/run/docker.sock", "https://app.example./",
    ],
)  # fmt: skip
def test_an_address_that_is_not_plain_https_is_refused_before_any_look_up(url: str) -> None:
    names = Names([[PUBLIC]])
    assert refusal(GuardedFetcher(loopback=False, network=Network(), resolver=names), url) == "bad_address"
    assert names.asked == []


def test_under_a_loopback_issuer_only_hosts_that_are_loopback_by_name_are_reached(
    canary: Canary, app: ListeningApp
) -> None:
    app.answers["/keys"] = (200, {}, b'{"keys":[]}')
    network = Network()
    fetcher = GuardedFetcher(loopback=True, network=network, resolver=Names([["127.0.0.1"]]))
    assert fetcher.get(app.url("/keys")) == b'{"keys":[]}'
    for name in ("localhost", "app.localhost"):
        assert fetcher.get(f"http://{name}:{app.port}/keys") == b'{"keys":[]}'
    # A name that a name server leads inside stays refused, and so do private networks and plain http elsewhere.
    assert refusal(fetcher, f"https://app.example:{canary.port}/") == "not_global"
    assert refusal(fetcher, f"http://app.example:{canary.port}/") == "bad_address"
    assert refusal(fetcher, f"http://10.0.0.1:{canary.port}/") == "bad_address"
    assert refusal(fetcher, f"https://169.254.169.254:{canary.port}/") == "not_global"
    assert set(network.asked) == {"127.0.0.1"}
    assert canary.connections == 0


def test_the_canary_sees_a_connection_when_there_is_one(canary: Canary) -> None:
    """The control: were anything above let through, it would be counted."""
    assert refusal(GuardedFetcher(loopback=True), f"http://127.0.0.1:{canary.port}/") == "unreachable"
    assert canary.connections == 2


def test_tls_and_host_keep_the_name_while_the_connection_goes_to_the_checked_address(tmp_path: Path) -> None:
    server, client = tls_for("app.example", tmp_path)
    with listening_app(server) as app:
        app.answers["/keys?v=1"] = (200, {}, b"{}")
        network = Network({PUBLIC: app.port})
        fetcher = GuardedFetcher(loopback=False, network=network, resolver=Names([[PUBLIC]]), tls=client)
        assert fetcher.get(f"https://app.example:{app.port}/keys?v=1") == b"{}"
        assert fetcher.post("https://app.example/keys?v=1", b"x", "text/plain") == 200
        seen = [(request.headers["Host"], request.sni) for request in app.received]
        assert seen == [(f"app.example:{app.port}", "app.example"), ("app.example", "app.example")]
        assert network.asked == [PUBLIC, PUBLIC]
        # The certificate is of another name: refused before a byte of HTTP.
        assert refusal(fetcher, f"https://other.example:{app.port}/keys?v=1") == "unreachable"
        assert len(app.received) == 2


def test_the_next_address_is_tried_when_one_does_not_answer(tmp_path: Path) -> None:
    server, client = tls_for("app.example", tmp_path)
    with listening_app(server) as app:
        app.answers["/"] = (200, {}, b"{}")
        network, names = Network({PUBLIC: app.port}), Names([[ELSEWHERE, PUBLIC]])
        assert GuardedFetcher(loopback=False, network=network, resolver=names, tls=client).get("https://app.example")
        assert (network.asked, names.asked) == ([ELSEWHERE, PUBLIC], ["app.example"])


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_more_than_64_kib_is_refused(app: ListeningApp, chunked: bool) -> None:
    def answer(size: int) -> tuple[int, dict[str, str], bytes]:
        body = b"k" * size
        framed = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body)
        return (200, {"Transfer-Encoding": "chunked"}, framed) if chunked else (200, {}, body)

    app.answers["/fits"], app.answers["/large"] = answer(MAX_BODY), answer(MAX_BODY + 1)
    fetcher = GuardedFetcher(loopback=True)
    assert len(fetcher.get(app.url("/fits"))) == MAX_BODY
    with pytest.raises(FetchRefused) as caught:
        fetcher.get(app.url("/large"))
    assert caught.value.reason == "too_large"


def test_an_endless_body_costs_no_more_than_the_limit(app: ListeningApp) -> None:
    app.answers["/"] = (200, {"Content-Length": str(10**12)}, b"k" * (MAX_BODY * 8))
    with pytest.raises(FetchRefused) as caught:
        GuardedFetcher(loopback=True).get(app.url("/"))
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, {}, b"{}"), "bad_status"), ((500, {}, b"{}"), "bad_status"), ((204, {}, b""), "bad_status"),
        ((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"), "bad_status"), ((206, {}, b"{"), "bad_status"),
        ((200, {"Content-Length": "99"}, b"{"), "unreachable"), ((200, {"X": "y" * 200_000}, b""), "unreachable"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_a_whole_plain_200_is_refused(app: ListeningApp, answer: Any, reason: str) -> None:
    app.answers["/"] = answer
    with pytest.raises(FetchRefused) as caught:
        GuardedFetcher(loopback=True).get(app.url("/"))
    assert caught.value.reason == reason


def test_the_whole_fetch_ends_after_three_seconds_even_if_bytes_keep_coming() -> None:
    stop = threading.Event()
    with closing(create_server(("127.0.0.1", 0))) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not stop.wait(0.1):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(FetchRefused) as caught:
            GuardedFetcher(loopback=True).get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        took = time.monotonic() - began
        stop.set()
        thread.join(5)
    assert caught.value.reason == "timeout"
    # All the bytes would take a hundred seconds.
    assert TOTAL_SECONDS - 0.2 < took < 2 * TOTAL_SECONDS


def test_a_name_server_that_hangs_is_given_up_and_cannot_collect_threads() -> None:
    release = threading.Event()

    def hanging(host: str, port: int) -> Sequence[str]:
        release.wait(30)
        return [PUBLIC]

    # A clock that runs fast: each fetch believes its three seconds over after a look at it.
    fetcher = GuardedFetcher(loopback=False, resolver=hanging, clock=FastClock(2.9), network=Network())
    # Those of other tests may be ending meanwhile.
    before = set(threading.enumerate())
    reasons = []
    for _ in range(12):
        with pytest.raises(FetchRefused) as caught:
            fetcher.get("https://app.example/")
        reasons.append(caught.value.reason)
    assert reasons == ["timeout"] * 8 + ["busy"] * 4
    assert len(set(threading.enumerate()) - before) == 8
    release.set()


def test_every_request_is_counted_and_every_refusal_of_the_guard_reported(app: ListeningApp) -> None:
    counted: list[tuple[str, str]] = []
    reported: list[tuple[str, str]] = []
    app.answers["/keys"] = (200, {}, b"{}")
    fetcher = GuardedFetcher(
        loopback=True,
        network=Network(),
        count=lambda method, outcome: counted.append((method, outcome)),
        report=lambda host, reason: reported.append((host, reason)),
    )
    fetcher.get(app.url("/keys"))
    fetcher.post(app.url("/keys"), b"", "text/plain")
    for url in (app.url("/absent"), "https://169.254.169.254/latest?secret=1", "https://[bad/"):
        with pytest.raises(FetchRefused):
            fetcher.get(url)
    outcomes = ["ok", "ok", "bad_status", "not_global", "bad_address"]
    assert counted == list(zip(["GET", "POST", "GET", "GET", "GET"], outcomes, strict=True))
    assert reported == [("169.254.169.254", "not_global"), ("", "bad_address")]


@pytest.fixture
def app() -> Iterator[ListeningApp]:
    with listening_app() as running:
        yield running


@dataclass
class FastClock:
    """A steady clock that jumps by `step` seconds each time it is read."""

    step: float
    now: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def tls_for(name: str, directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's TLS context, with a certificate of `name` that this client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = directory / "certificate.pem", directory / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem, key_pem)
    return server, ssl.create_default_context(cafile=str(pem))
