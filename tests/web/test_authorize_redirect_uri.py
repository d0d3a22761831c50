"""Where an authorization request is answered: exactly where the app registered (RFC 9700, section 4.1.3)."""

import re

import pytest
from werkzeug.test import TestResponse

from idp.domain.client import ClientState
from idp.services.clients import set_client_state
from tests.app import App
from tests.relying_party import RelyingParty
from tests.web.visitor import returned

PLAIN, QUERY = "https://exact.example/callback", "https://exact.example/cb?tenant=1&x=%7e"
LOOPBACK, LOOPBACK6, PRIVATE = "http://127.0.0.1:4711/cb", "http://[::1]/cb", "com.example.app:/cb"


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """A web app with two redirect URIs, one of them with a query."""
    return app.register_client(redirect_uris=(PLAIN, QUERY))


@pytest.fixture(scope="module")
def native(app: App) -> RelyingParty:
    """A native app: loopback and private-use scheme."""
    return app.register_client(
        redirect_uris=(LOOPBACK, LOOPBACK6, PRIVATE), application_type="native", token_endpoint_auth_method="none"
    )


def _is_page(answer: TestResponse) -> None:
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert answer.content_type.startswith("text/html")


def test_unknown_client_is_a_page(app: App, party: RelyingParty) -> None:
    """row 13: RFC 6749, section 4.1.2.1; OAuth 2.1, section 4.1.2.1."""
    for client_id in (None, "nobody", "", "é", "x" * 3000, party.id + "x", party.id.swapcase()):
        for prompt in ("login", "none"):
            _is_page(party.ask(app.browser(), client_id=client_id, prompt=prompt))


def test_suspended_client_is_a_page(app: App) -> None:
    """row 13: nobody is sent to an app that was stopped."""
    party = app.register_client()
    set_client_state(app.provider.realm, party.id, ClientState.SUSPENDED)
    _is_page(party.ask(app.browser()))


def test_unregistered_redirect_uri_is_a_page_whatever_else_is_wrong(app: App, party: RelyingParty) -> None:
    """row 13: RFC 9700, section 4.11.2: no error is worth a redirect to an unproven address."""
    wrong = {"prompt": "none"}, {"scope": "email"}, {"response_type": "token"}, {"request": "x"}, {"state": "x" * 999}
    for more in ({}, *wrong):
        for uri in (None, "https://evil.example/", "javascript:alert(1)", "data:text/html,x", "//evil.example", "/"):
            _is_page(party.ask(app.browser(), redirect_uri=uri, **more))


def test_page_repeats_nothing_of_the_request(app: App, party: RelyingParty) -> None:
    """row 13: no reflected text on the error page; the language links carry the request on, encoded."""
    marked = "m4rk\"'<script>&amp;"
    page = party.ask(app.browser(), redirect_uri=f"https://m4rk.example/{marked}", state=marked).text
    links = re.findall(r'href="[^"]*"', page)
    assert page.count("m4rk") == sum(link.count("m4rk") for link in links)
    assert "<script" not in page


@pytest.mark.parametrize(
    "uri",
    [
        PLAIN + "/", PLAIN + "?", PLAIN + "?a=b", PLAIN + "#", PLAIN + "#f", PLAIN[:-1], PLAIN + "%20", PLAIN + "\t",
        PLAIN.replace("https", "http"), PLAIN.replace("https", "HTTPS"), PLAIN.replace("exact", "EXACT"),
        PLAIN.replace("callback", "Callback"), PLAIN.replace("callback", "c%61llback"),
        PLAIN.replace(".example", ".example:443"),
        PLAIN.replace("//", "//a@"), PLAIN.replace("//", "//sub."), PLAIN.replace("/callback", "/./callback"),
        PLAIN.replace("/callback", "/x/../callback"), PLAIN.replace("/callback", "//callback"),
        PLAIN.replace("/", "\\"),
        PLAIN.replace(".example", ".example."), PLAIN + ".evil.example", "https://exact.example.evil.example/callback",
        "https://exact.example@evil.example/callback", " " + PLAIN, PLAIN + " ", PLAIN + "\n", PLAIN + "\u200b",
        QUERY + "&y=2", QUERY.replace("tenant=1", "tenant=2"), QUERY.partition("?")[0], QUERY.replace("%7e", "~"),
        QUERY.replace("%7e", "%7E"), "https://exact.example/cb?x=%7e&tenant=1",
    ],
)  # fmt: skip
def test_web_redirect_uri_is_compared_as_a_string(app: App, party: RelyingParty, uri: str) -> None:
    """row 14: RFC 9700, sections 2.1 and 4.1.3."""
    _is_page(party.ask(app.browser(), redirect_uri=uri, prompt="none"))


def test_registered_query_is_kept_byte_for_byte(app: App, party: RelyingParty) -> None:
    """row 14: RFC 6749, section 3.1.2: the answer's parameters are added to it."""
    answer = party.ask(app.browser(), redirect_uri=QUERY, prompt="none")
    assert answer.location.startswith(QUERY + "&error=login_required")
    assert returned(answer)["tenant"] == "1"


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", "http://127.0.0.1/cb", "http://[::1]:8080/cb", PRIVATE],
)
def test_native_loopback_port_may_vary(app: App, native: RelyingParty, uri: str) -> None:
    """row 14: RFC 8252, section 7.3."""
    answer = native.ask(app.browser(), redirect_uri=uri, prompt="none")
    assert answer.location.startswith(f"{uri}?error=login_required")
    person = app.person()
    code = native.code(person, redirect_uri=uri)
    assert native.exchange(code, redirect_uri=uri).status_code == 200


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:4711/cb", "https://127.0.0.1:4711/cb", "http://127.0.0.2:4711/cb",
        "http://127.0.0.1:4711/cb/", "http://127.0.0.1:4711/cb?x=1", "http://127.0.0.1:0/cb", "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:/cb", "http://127.0.0.1:x/cb", "http://127.1:4711/cb", "http://2130706433/cb",
        "http://0x7f.1/cb", "http://127.0.0.1:04711/cb", "http://127.0.0.1:4711@evil.example/cb",
        "http://127.0.0.1.evil.example/cb", "http://[::1]x:1/cb", "http://[0:0::1]/cb",
        "http://[::ffff:127.0.0.1]/cb", "com.example.app:/cb/", "com.example.app:/other", "COM.example.app:/cb",
        "com.example.app2:/cb",
    ],
)  # fmt: skip
def test_nothing_but_the_port_of_a_loopback_literal_may_vary(app: App, native: RelyingParty, uri: str) -> None:
    """row 14: RFC 8252, sections 7.1, 7.3 and 8.3."""
    _is_page(native.ask(app.browser(), redirect_uri=uri, prompt="none"))


def test_port_of_a_web_client_may_not_vary(app: App) -> None:
    """row 14: RFC 9700, section 2.1: the exception is for native apps."""
    party = app.register_client(redirect_uris=("https://ports.example:8443/cb",))
    _is_page(party.ask(app.browser(), redirect_uri="https://ports.example:8444/cb"))
    _is_page(party.ask(app.browser(), redirect_uri="https://ports.example/cb"))
    assert party.ask(app.browser()).status_code == 303
