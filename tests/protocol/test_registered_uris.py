"""Redirect URIs that may be registered, and those that may not (OIDC Registration, section 2), conformance row 79."""

from collections.abc import Iterator

import pytest

from tests.registration import Desk, open_desk
from tests.relying_party import error_of

NATIVE = {"application_type": "native"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One issuer for the tests of this module."""
    with open_desk(tmp_path_factory.mktemp("uris")) as running:
        yield running


@pytest.mark.parametrize(
    ("uri", "members"),
    [
        ("https://app.example/cb", {}),
        ("https://app.example:8443/cb?x=1&y=2", {}),
        ("http://127.0.0.1/cb", NATIVE),
        ("http://[::1]:49152/cb", NATIVE),
        ("http://localhost:3000/", NATIVE),
        ("com.example.app:/callback", NATIVE),
        ("com.example.app://callback/x", NATIVE),
    ],
)
def test_redirect_uris_that_may_be_registered(desk: Desk, uri: str, members: dict[str, str]) -> None:
    """row 79: OIDC Registration, section 2; RFC 8252, sections 7.1 to 7.3."""
    assert desk.registered(redirect_uris=[uri], **members).information["redirect_uris"] == [uri]


@pytest.mark.parametrize("members", [{}, NATIVE], ids=["web", "native"])
@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb#fragment", "https://app.example/cb#", "http://app.example/cb", "http://192.168.0.1/cb",
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
        "blob:https://app.example/1", "app:/callback", "custom://app.example/cb", "//app.example/cb", "/cb", "cb",
        "https://user@app.example/cb", "https://user:pw@app.example/cb", "https://app.example@evil.example/cb",
        "https://app.example\\@evil.example/cb", "https://app.example/../cb", "https://app.example/%2e%2e/cb",
        "https://app.example/c b", "https://app.example/c\tb", "https://app.example/\u200bcb", "https://äpp.example/cb",
        "https://APP.example/cb", "https://app.example:0/cb", "https://app.example:/cb", "https://app.example:x/cb",
        "https://127.1/cb", "https://0x7f000001/cb", "https://2130706433/cb", "https:///cb", "https:app.example/cb",
        "https://app.example/%zz", "https://*.example/cb", "HTTPS://app.example/cb", " https://app.example/cb",
        "https://app.example/" + "a" * 2000, "urn:ietf:wg:oauth:2.0:oob", "",
    ],
)  # fmt: skip
def test_redirect_uris_that_may_not(desk: Desk, uri: str, members: dict[str, str]) -> None:
    """row 79: RFC 9700, sections 2.6 and 4.1; RFC 8252, section 7.1."""
    assert error_of(desk.ask(redirect_uris=[uri], **members)) == "invalid_redirect_uri"


@pytest.mark.parametrize(
    "uris",
    [
        None, [], "https://app.example/cb", {"0": "https://app.example/cb"}, [1], [None], [["https://app.example/cb"]],
        [f"https://app.example/{n}" for n in range(11)], ["https://app.example/cb"] * 2,
    ],
)  # fmt: skip
def test_redirect_uris_are_one_to_ten_different_texts(desk: Desk, uris: object) -> None:
    """row 79: RFC 7591, section 2: required with the authorization code grant."""
    assert error_of(desk.ask(redirect_uris=uris)) == "invalid_redirect_uri"


@pytest.mark.parametrize(
    "uri", ["https://app.example/bye#x", "http://app.example/bye", "javascript:alert(1)", "https://u@app.example/", "x"]
)
def test_post_logout_redirect_uris_have_the_same_rules_and_another_code(desk: Desk, uri: str) -> None:
    """RP-Initiated Logout, section 3.1; RFC 7591, section 3.2.2."""
    assert error_of(desk.ask(post_logout_redirect_uris=[uri])) == "invalid_client_metadata"
