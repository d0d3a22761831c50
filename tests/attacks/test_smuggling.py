"""Requests that two servers in a row could read differently: not answered twice (threats B11; RFC 9112, 6.3, 11.2)."""

import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.issuer import Issuer, running_issuer

INNER = b"GET /smuggled HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
BODY = b"0\r\n\r\n"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with running_issuer(tmp_path_factory.mktemp("smuggling")) as running:
        yield running


def _spoken(issuer: Issuer, raw: bytes) -> list[int]:
    """The statuses of the answers on one connection, until the server closes it or falls silent."""
    parts = urlsplit(issuer.url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=10) as connection:
        connection.sendall(raw.replace(b"{host}", parts.netloc.encode()))
        connection.settimeout(1.0)
        answer = b""
        try:
            while chunk := connection.recv(65_536):
                answer += chunk
        except (TimeoutError, ConnectionResetError):
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3})", answer)]


def _post(*headers: bytes, body: bytes = BODY) -> bytes:
    form = b"Content-Type: application/x-www-form-urlencoded"
    return b"\r\n".join([b"POST /token HTTP/1.1", b"Host: {host}", form, *headers, b"", b""]) + body + INNER


SMUGGLERS = {
    "length and chunks": _post(b"Content-Length: 4", b"Transfer-Encoding: chunked"),
    "chunks and length": _post(b"Transfer-Encoding: chunked", b"Content-Length: 4"),
    "two lengths": _post(b"Content-Length: 5", b"Content-Length: 0"),
    "lengths in one line": _post(b"Content-Length: 5, 0"),
    "a signed length": _post(b"Content-Length: +5"),
    "a length with a space": _post(b"Content-Length : 5"),
    "a hexadecimal length": _post(b"Content-Length: 0x5"),
    "an unknown coding": _post(b"Transfer-Encoding: xchunked"),
    "chunked, and something after it": _post(b"Transfer-Encoding: chunked, identity"),
    "chunked twice": _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
    "a coding with a tab": _post(b"Transfer-Encoding:\x0bchunked"),
    "a folded line": _post(b"Transfer-Encoding:", b" chunked"),
    "a space in a name": _post(b"Transfer-Encoding : chunked"),
    "a chunk of a senseless size": _post(b"Transfer-Encoding: chunked", body=b"-1\r\nx\r\n0\r\n\r\n"),
    "a chunk size that overflows": _post(
        b"Transfer-Encoding: chunked", body=b"10000000000000005\r\nhello\r\n0\r\n\r\n"
    ),
    "a NUL in a header": _post(b"X: a\x00b", b"Content-Length: 5"),
    "a carriage return in a header": _post(b"X: a\rTransfer-Encoding: chunked", b"Content-Length: 5"),
}


@pytest.mark.parametrize("name", SMUGGLERS)
def test_what_can_be_read_in_two_ways_is_not_answered_twice(issuer: Issuer, name: str) -> None:
    statuses = _spoken(issuer, SMUGGLERS[name])
    assert 404 not in statuses, "the inner request was answered"
    assert len(statuses) <= 1
    assert all(400 <= status < 500 for status in statuses) or statuses == [501]


def test_two_honest_requests_on_one_connection_are_both_answered(issuer: Issuer) -> None:
    """The control: the inner request is seen where it is one."""
    assert _spoken(issuer, _post(b"Content-Length: 5"))[-1] == 404


def test_a_request_without_host_or_with_two_is_refused(issuer: Issuer) -> None:
    for hosts in (b"", b"Host: {host}\r\nHost: evil.example\r\n", b"Host: evil.example\r\n"):
        raw = b"GET /sign-in HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n"
        assert _spoken(issuer, raw) == [400], hosts
