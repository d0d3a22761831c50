"""Redirect URIs that are almost registered (threats A01; RFC 9700, section 4.1): none of them is answered.

For each registered URI more than 200 mutants; 0 match as a rule, 0 redirects through /authorize and /par.
"""

import html
import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from idp.domain.errors import Refused
from idp.domain.redirect_uri import check_redirect_uri, matches
from tests.app import App
from tests.relying_party import RelyingParty

REGISTERED = [
    ("https://app.example/callback", "web"),
    ("https://app.example:8443/a/b?x=1&y=2", "web"),
    ("https://app.example", "web"),
    ("https://sub.app.example/cb/", "native"),
    ("http://127.0.0.1/cb", "native"),
    ("http://[::1]:49152/cb", "native"),
    ("http://localhost:3000/cb", "native"),
    ("com.example.app:/callback", "native"),
]
EVIL = "evil.example"
_TARGET = re.compile(r'(?:href|action|src|content)="([^"]*)"')
INSERTED = (
    "/", "//", "/.", "/..", "/./", "/../", "%2e", "%2e%2e", "/%2e%2e/", "%2f", "%5c", "\\", "\\\\", "@", "@@",
    ":", "::",
    "#", "%23", "?", "%3f", "&", "%26", ";", "%3b", " ", "%20", "+", "\t", "\n", "\r", "\r\n", "\x00", "%00",
    "%0d%0a", "*",
    "\u200b", "\u202e", "\u3002", "\uff0e", "\uff0f", "\u2215", "\u0430", "~", "'", '"', "<", ">", "{", "}", "|",
    "^", "`", "%",
    "%zz", "%c0%af", "%ff", "x", ".", "-", "_", f".{EVIL}", f"@{EVIL}", f"@{EVIL}/", f"\\@{EVIL}", f"#@{EVIL}",
    f"?@{EVIL}",
    f"/@{EVIL}", f"//{EVIL}", f"/..//{EVIL}", f"%40{EVIL}", f":@{EVIL}", f":443@{EVIL}",
    f"&redirect_uri=https://{EVIL}",
)  # fmt: skip


def mutants(uri: str) -> list[str]:
    """Changed forms of a registered URI, each once, the URI itself not among them."""
    parts = urlsplit(uri)
    scheme, rest = uri.split(":", 1)
    host = parts.hostname or ""
    places = sorted({0, len(scheme), len(scheme) + 1, uri.find("//") + 2, uri.find(host) + len(host), len(uri)})
    made = [uri[:place] + piece + uri[place:] for place in places for piece in INSERTED]
    made += [uri.upper(), uri.title(), uri.swapcase(), f"{scheme.upper()}:{rest}", f"{scheme.title()}:{rest}"]
    suffixes = ("/", "?", "#", "?x=1", "#x", "&x=1", "/.", "/..", ".json", "%2f..", "//", "/x")
    made += [uri + suffix for suffix in suffixes]
    made += [f"https://{EVIL}/{uri}", f"https://{EVIL}?{uri}", f"https://{EVIL}#{uri}", f"//{EVIL}", EVIL, "", "null"]
    schemes = ("http", "https", "ftp", "javascript", "data", "JaVaScRiPt", "ws", "com.evil.app", "")
    made += [f"{other}:{rest}" for other in schemes]
    made += [uri.replace("://", separator) for separator in (":", ":/", ":///", ":\\\\", "://\\", ":%2f%2f")]
    made += [quote(uri, safe=""), quote(uri, safe=":/"), quote(quote(uri, safe=""), safe="")]
    made += [f" {uri}", f"{uri} ", f"\ufeff{uri}"]
    made += [f"{uri},{uri}", f"{uri} {uri}", uri[:-1], uri[1:], uri[::-1], uri.rstrip("/") + "/index.html"]
    if host:
        swaps = [
            host.upper(), f"{host}.", f".{host}", f"www.{host}", f"{host}.{EVIL}", f"{EVIL}.{host}", f"x{host}",
            f"{host}x", EVIL,
            host.replace("a", "\u0430"), host.replace("e", "%65"), host.replace(".",
            "\u3002"), "xn--" + host, "localhost",
            "127.0.0.2", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::]", "[::ffff:127.0.0.1]",
            "0.0.0.0", "127.0.0.1.",
            f"127.0.0.1.{EVIL}", f"localhost.{EVIL}", f"user@{host}", f"user:pass@{host}", f"{host}@{EVIL}",
            f"{host}:80@{EVIL}",
        ]  # fmt: skip
        made += [uri.replace(host, swap, 1) for swap in swaps]
    return sorted({mutant for mutant in made if mutant != uri})


def _differs_in_the_loopback_port_only(mutant: str, uri: str) -> bool:
    """What RFC 8252, section 7.3, allows a native client: told apart here by another way than the rule's own."""
    for host in ("127.0.0.1", "[::1]"):
        head = f"http://{host}"
        if not uri.startswith(head) or not mutant.startswith(head):
            continue
        tails = [text[len(head) :] for text in (mutant, uri)]
        ports = [re.match(r"(?::([1-9][0-9]{0,4}))?(?=/)", tail) for tail in tails]
        if all(port is not None and int(port[1] or 80) < 65536 for port in ports):
            return tails[0].partition("/")[2] == tails[1].partition("/")[2]
    return False


@pytest.mark.parametrize(("uri", "application_type"), REGISTERED)
def test_no_mutant_matches(uri: str, application_type: str) -> None:
    """RFC 9700, section 4.1.3: exact string comparison."""
    check_redirect_uri(uri, application_type, issuer_is_loopback=False)
    wrong = [mutant for mutant in mutants(uri) if not _differs_in_the_loopback_port_only(mutant, uri)]
    assert len(wrong) >= 200
    assert [mutant for mutant in wrong if matches(mutant, (uri,), application_type)] == []
    assert matches(uri, (uri,), application_type)


@pytest.mark.parametrize("port", ["", ":1", ":80", ":3000", ":65535"])
def test_only_the_port_of_a_loopback_literal_may_differ(port: str) -> None:
    """RFC 8252, sections 7.3 and 8.3: native clients, http, and never `localhost`."""
    assert matches(f"http://127.0.0.1{port}/cb", ("http://127.0.0.1/cb",), "native")
    assert matches(f"http://[::1]{port}/cb", ("http://[::1]:49152/cb",), "native")
    if port:
        assert not matches(f"http://localhost{port}/cb", ("http://localhost:4000/cb",), "native")
        assert not matches(f"https://127.0.0.1{port}/cb", ("https://127.0.0.1/cb",), "native")
        assert not matches(f"http://127.0.0.1{port}/cb", ("http://127.0.0.1/cb",), "web")
        assert not matches(f"http://127.0.0.1{port}/cb", ("http://[::1]/cb",), "native")
    assert not matches("http://127.0.0.1:080/cb", ("http://127.0.0.1/cb",), "native")
    assert not matches("http://127.0.0.1:70000/cb", ("http://127.0.0.1/cb",), "native")
    assert not matches("http://127.0.0.1:0/cb", ("http://127.0.0.1/cb",), "native")


@given(st.sampled_from(REGISTERED), st.text(max_size=12), st.integers(0, 60), st.integers(0, 8))
def test_any_edit_of_a_registered_uri_is_another_uri(
    registered: tuple[str, str], text: str, place: int, cut: int
) -> None:
    """RFC 9700, section 4.1.3, over arbitrary edits."""
    uri, application_type = registered
    edited = uri[:place] + text + uri[place + cut :]
    assume(edited != uri and not _differs_in_the_loopback_port_only(edited, uri))
    assert not matches(edited, (uri,), application_type)


@given(st.text(max_size=60), st.sampled_from(["web", "native"]))
def test_what_may_be_registered_is_plain(text: str, application_type: str) -> None:
    """RFC 3986 characters, a scheme in lower case, no user information, no fragment; anything else is Refused."""
    fronts = ("", "https://", "https://app.example/", "com.example.app:", "http://127.0.0.1")
    for uri in (front + text for front in fronts):
        try:
            check_redirect_uri(uri, application_type, issuer_is_loopback=False)
        except Refused:
            continue
        assert uri.isascii() and uri.isprintable() and not set(uri) & set(' #\\"<>^`{|}')
        parts = urlsplit(uri)
        assert parts.username is None and uri.startswith(f"{parts.scheme}:")
        assert parts.scheme == "https" or application_type == "native"


@pytest.fixture(scope="module", params=REGISTERED, ids=lambda registered: registered[0])
def party(app: App, request: pytest.FixtureRequest) -> Iterator[RelyingParty]:
    """An app on one of the registered URIs."""
    uri, application_type = request.param
    yield app.register_client(redirect_uris=(uri,), application_type=application_type)


def test_no_mutant_is_redirected_to(app: App, party: RelyingParty) -> None:
    """row 13: RFC 9700, section 4.11.2: a page of status 400, whatever else is right or wrong with the request."""
    browser = app.browser()
    for mutant in mutants(party.callback):
        if _differs_in_the_loopback_port_only(mutant, party.callback):
            continue
        query = urlencode({**party.parameters(), "redirect_uri": mutant}, errors="surrogatepass")
        answer = browser.get(f"/authorize?{query}")
        assert answer.status_code == 400 and "Location" not in answer.headers, ascii(mutant)
        for target in _TARGET.findall(answer.text):
            assert urlsplit(html.unescape(target)).netloc in ("", "id.example"), "no link of the page leads there"


def test_no_mutant_is_pushed(app: App, party: RelyingParty) -> None:
    """RFC 9126, section 2.3: checked when it is pushed."""
    for mutant in mutants(party.callback)[::5]:
        if not _differs_in_the_loopback_port_only(mutant, party.callback):
            assert party.push(redirect_uri=mutant).status_code == 400, ascii(mutant)
