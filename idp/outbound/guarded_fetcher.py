"""The one guarded fetcher (threats A24; RFC 9700, section 4.9): addresses that apps gave us lead outside, or nowhere.

For `jwks_uri`, `sector_identifier_uri`, back-channel logout and security events. Order is security:
 1 https, no user information, a plain name or address   4 the body is small, plain and complete
 2 looked up once, and every address found is global     5 all of it within three seconds
 3 connected to that very address; TLS and Host keep     6 no redirect is followed, no proxy and no
   the name                                                environment variable is asked
Only under a loopback issuer http and loopback are allowed, and then only for hosts that are loopback by name.
"""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx

from idp.domain.errors import FetchRefused, Refused
from idp.domain.redirect_uri import is_loopback_host, split_uri
from idp.outbound.addresses import is_global, literal_address, parse_all
from idp.outbound.deadline import Deadline, DeadlineStream, Monotonic
from idp.outbound.resolver import BoundedResolver, Resolver, system_resolver

TOTAL_SECONDS = 3.0
"""For everything from the look-up to the last byte: a person may be waiting behind a `jwks_uri`."""

MAX_BODY = 64 * 1024
"""Bytes. Four times the largest key set that is accepted."""

MAX_ADDRESSES = 3
_LOOPBACK = ("127.0.0.1", "::1")
_PORTS = {"http": 80, "https": 443}
_HEADERS = [
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", b"identity"),
    (b"Connection", b"close"),
    (b"User-Agent", b"blindage"),
]
# A refusal with one of these reasons is the guard's and worth an audit row; the others are the network's weather.
GUARDED = frozenset({"bad_address", "not_global", "redirect", "too_large"})


@cache
def tls_context() -> ssl.SSLContext:
    """Certificates are checked against the usual authorities; HTTP/1.1 only. Made when first needed: it is slow."""
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: the name for TLS and Host, the addresses to try in order."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]
    path: bytes
    authority: bytes


@dataclass(frozen=True, slots=True)
class GuardedFetcher:
    """Implements `idp.domain.ports.Fetcher`. `loopback`: the issuer is this machine.

    `count(method, outcome)` hears of every request, `report(host, reason)` of every one the guard refused.
    """

    loopback: bool
    resolver: Resolver = system_resolver
    count: Callable[[str, str], None] = lambda method, outcome: None
    report: Callable[[str, str], None] = lambda host, reason: None
    network: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    tls: ssl.SSLContext | None = None
    clock: Monotonic = monotonic
    _names: BoundedResolver = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", BoundedResolver(self.resolver))

    def get(self, url: str, limit: int = MAX_BODY) -> bytes:
        """The body of a 200 answer, at most `limit` bytes, within three seconds; FetchRefused for anything else."""
        with self._counted("GET", url):
            with self._answer("GET", url, [], b"") as answer:
                return _small_body(answer, limit)

    def post(self, url: str, body: bytes, content_type: str) -> int:
        """The status of the answer, whose body is not read; FetchRefused when there is none within three seconds."""
        headers = [(b"Content-Type", content_type.encode("ascii")), (b"Content-Length", b"%d" % len(body))]
        with self._counted("POST", url):
            with self._answer("POST", url, headers, body) as answer:
                return int(answer.status)

    @contextmanager
    def _counted(self, method: str, url: str) -> Iterator[None]:
        try:
            yield
        except FetchRefused as error:
            self.count(method, error.reason)
            if error.reason in GUARDED:
                self.report(_host_of(url), error.reason)
            raise
        self.count(method, "ok")

    @contextmanager
    def _answer(
        self, method: str, url: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Iterator[httpcore.Response]:
        deadline = Deadline(TOTAL_SECONDS, self.clock)
        try:
            target = self._target(url, deadline)
            stream = DeadlineStream(self._connected(target, deadline), deadline)
            try:
                answer = _exchange(stream, target, method, headers, body)
                if 300 <= answer.status < 400:
                    raise FetchRefused("redirect", "redirects are not followed")
                yield answer
            finally:
                stream.close()
        except httpcore.TimeoutException as error:
            raise FetchRefused("timeout", "no answer in time") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise FetchRefused("unreachable", "no connection, or no HTTP on it") from error

    def _target(self, url: str, deadline: Deadline) -> Target:
        """Steps 1 and 2: who is meant, and at which addresses."""
        parts = _split(url)
        scheme, host = parts.scheme, parts.hostname or ""
        port = parts.port or _PORTS[scheme]
        local = self.loopback and is_loopback_host(host)
        if scheme != "https" and not local:
            raise FetchRefused("bad_address", "the address must be https")
        try:
            literal = literal_address(host)
        except ValueError as error:
            raise FetchRefused("bad_address", "the host is not a plain name or address") from error
        addresses: tuple[str, ...]
        if local:
            addresses = _LOOPBACK if literal is None else (str(literal),)
        elif literal is not None:
            addresses = _all_global((str(literal),))
        elif is_loopback_host(host):
            raise FetchRefused("not_global", "the host is this machine")
        else:
            addresses = _all_global(self._names.addresses(host, port, deadline.left()))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(scheme, host, port, addresses[:MAX_ADDRESSES], path.encode("ascii"), parts.netloc.encode("ascii"))

    def _connected(self, target: Target, deadline: Deadline) -> httpcore.NetworkStream:
        """Step 3."""
        stream = self._first_to_answer(target, deadline)
        if target.scheme == "http":
            return stream
        return stream.start_tls(self.tls or tls_context(), server_hostname=target.host, timeout=deadline.left())

    def _first_to_answer(self, target: Target, deadline: Deadline) -> httpcore.NetworkStream:
        """One of several addresses may be out of order, so that each gets its share of the time."""
        *others, last = target.addresses
        for number, address in enumerate(others):
            share = deadline.left() / (len(target.addresses) - number)
            try:
                return self.network.connect_tcp(address, target.port, timeout=share)
            except (httpcore.NetworkError, httpcore.TimeoutException):
                continue
        return self.network.connect_tcp(last, target.port, timeout=deadline.left())


def _split(url: str) -> SplitResult:
    try:
        parts = split_uri(url)
    except Refused as error:
        raise FetchRefused("bad_address", str(error)) from error
    if parts.scheme not in _PORTS or not parts.hostname or "#" in url:
        raise FetchRefused("bad_address", "not an address that can be fetched")
    return parts


def _all_global(addresses: Sequence[str]) -> tuple[str, ...]:
    """The addresses, if every one is global: a name that also leads inside is not used at all."""
    try:
        parsed = parse_all(addresses)
    except ValueError as error:
        raise FetchRefused("not_global", "the name resolves to something that is no address") from error
    if not all(is_global(address) for address in parsed):
        raise FetchRefused("not_global", "the host is not on the public internet")
    return tuple(str(address) for address in parsed)


def _exchange(
    stream: httpcore.NetworkStream, target: Target, method: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> httpcore.Response:
    url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    every = [(b"Host", target.authority), *_HEADERS, *headers]
    request = httpcore.Request(method=method, url=url, headers=every, content=body)
    return httpcore.HTTP11Connection(url.origin, stream).handle_request(request)


def _small_body(answer: httpcore.Response, limit: int) -> bytes:
    if answer.status != 200:
        raise FetchRefused("bad_status", "the answer is not 200")
    if any(name.lower() == b"content-encoding" and value.lower() != b"identity" for name, value in answer.headers):
        # A few bytes can unpack to any number: what was not asked for is not unpacked.
        raise FetchRefused("bad_status", "the answer is compressed")
    body = bytearray()
    for piece in answer.iter_stream():
        body += piece
        if len(body) > limit:
            raise FetchRefused("too_large", "the answer is larger than allowed")
    return bytes(body)


def _host_of(url: str) -> str:
    """The host as far as there is one, for the report of a refusal; never a path or query."""
    try:
        return (urlsplit(url).hostname or "")[:253]
    except ValueError:
        return ""
