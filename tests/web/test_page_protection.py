"""What protects the pages from other sites and from those who look over the shoulder (RFC 9700, section 4)."""

import re
from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from tests.app import App, Browser
from tests.relying_party import RelyingParty
from tests.web.visitor import PASSWORD, forms_of

HTML = "text/html; charset=utf-8"
LOADING = {
    "default-src", "script-src", "style-src", "img-src", "font-src", "connect-src", "media-src", "frame-src",
    "object-src", "worker-src", "manifest-src", "script-src-elem", "style-src-elem", "child-src", "base-uri",
}  # fmt: skip
CORS = (
    "/token", "/userinfo", "/jwks", "/revoke", "/par", "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
)  # fmt: skip
NO_CORS = (
    "/authorize", "/sign-in", "/sign-up", "/consent", "/notice", "/account", "/logout", "/introspect", "/nowhere",
)  # fmt: skip


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app without special wishes."""
    return app.register_client(post_logout_redirect_uris=("https://out.example/",))


def _every_page(app: App, party: RelyingParty) -> Iterator[tuple[str, TestResponse]]:
    """Each page that can be seen on the way, errors included."""
    person = app.person()
    browser = person.browser
    yield "sign-in", (sign_in := browser.follow(party.ask(browser)))
    yield "sign-up", browser.get("/sign-up")
    yield "wrong password", browser.submit(sign_in, {"username": person.username, "password": "wrong"})
    after = browser.submit(sign_in, {"username": person.username, "password": PASSWORD})
    yield "after the password", after
    yield "consent", (consent := browser.follow(after))
    yield "after consent", browser.submit(consent, {"decision": "allow"})
    yield "form post", party.ask(browser, response_mode="form_post")
    yield "account", browser.get("/account")
    yield "sign-out", browser.get("/logout")
    stranger = app.signed_in(None).browser
    yield "notice", stranger.follow(party.ask(stranger))
    yield "unknown app", browser.get("/authorize?client_id=nobody")
    yield "no such page", browser.get("/nowhere")
    yield "wrong method", browser.post("/account", {})
    yield "forged", browser.post("/consent", {"decision": "allow"})
    yield "too large", browser.post("/sign-in", {"x": "y" * 70_000})
    yield "signed out", browser.submit(browser.get("/logout"))


def test_every_page_forbids_frames_referrers_caches_and_strangers(app: App, party: RelyingParty) -> None:
    """rows 34, 36: OIDC Core, section 3.1.2.3; RFC 9700, sections 4.2.4 and 4.16."""
    seen = 0
    for name, answer in _every_page(app, party):
        headers, policy = answer.headers, answer.headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY", name
        assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy, name
        assert headers["Referrer-Policy"] == "no-referrer", name
        assert headers["Cache-Control"] == "no-store", name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert answer.content_type == HTML, name
        directives = dict(directive.partition(" ")[::2] for directive in policy.split("; "))
        sources = {source for which in directives.keys() & LOADING for source in directives[which].split(" ")}
        assert all(source in ("'none'", "'self'") or source.startswith("'sha256-") for source in sources), name
        assert "unsafe" not in policy, name
        loaded = re.findall(r'<(?:link|script|img|iframe|source|video)[^>]*(?:href|src)="([^"]+)"', answer.text)
        assert all(address.startswith("/") and not address.startswith("//") for address in loaded), name
        seen += 1
    assert seen == 16


def test_forms_are_refused_without_their_token_or_from_another_site(app: App, party: RelyingParty) -> None:
    """row 34: RFC 9700, section 4.7: sign-in, consent and sign-out; nothing happens."""
    person = app.person()
    for page, fields in _forms(party, person.browser, person.username):
        form = forms_of(page)[0]
        good = {**form.fields, **fields}
        bad = [({**good, "csrf": "x"}, {}), ({k: v for k, v in good.items() if k != "csrf"}, {})]
        bad += [(good, {"Origin": "https://evil.example"}), (good, {"Sec_Fetch_Site": "cross-site"})]
        for sent, headers in bad:
            assert person.browser.post(form.action, sent, **headers).status_code == 403
        other = app.browser()
        other.get("/sign-in")
        assert other.post(form.action, good).status_code == 403
        assert person.browser.post(form.action, good).status_code in (200, 303)


def _forms(party: RelyingParty, browser: Browser, username: str) -> Iterator[tuple[TestResponse, dict[str, str]]]:
    yield browser.follow(party.ask(browser)), {"username": username, "password": PASSWORD}
    yield browser.follow(party.ask(browser)), {"decision": "allow"}
    yield browser.get("/logout"), {}


def test_redirects_after_forms_are_303(app: App, party: RelyingParty) -> None:
    """row 35: RFC 9700, section 4.12: a 307 would send the password on."""
    person = app.person()
    browser = person.browser
    signed_in = browser.sign_in(person.username, browser.follow(party.ask(browser)))
    assert signed_in.status_code == 303
    assert browser.submit(browser.follow(signed_in), {"decision": "allow"}).status_code == 303
    assert browser.post("/authorize", party.parameters()).status_code == 303
    assert browser.post("/authorize", party.parameters(prompt="none", scope="email")).status_code == 303
    up = app.browser()
    assert up.submit(up.get("/sign-up"), {"username": "fresh-person", "password": PASSWORD}).status_code == 303


def test_scripts_of_other_origins_may_read_what_they_are_meant_to(app: App) -> None:
    """row 37: RFC 9700, section 2.6; OIDC Core, section 5.3: machine endpoints, without credentials."""
    for path in CORS:
        for method in ("GET", "POST"):
            answer = app.send(method, path, {} if method == "POST" else None, headers={"Origin": "https://spa.example"})
            assert answer.headers["Access-Control-Allow-Origin"] == "*", path
            assert "Access-Control-Allow-Credentials" not in answer.headers
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "dpop"}
        preflight = app.send("OPTIONS", path, headers={"Origin": "https://spa.example", **asked})
        assert preflight.status_code == 204
        assert "DPoP" in preflight.headers["Access-Control-Allow-Headers"]
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]


def test_pages_and_introspection_have_no_cors(app: App) -> None:
    """row 37: RFC 9700, section 2.6: no script reads what people see, nor what resource servers are told."""
    for path in NO_CORS:
        for method in ("GET", "POST", "OPTIONS"):
            answer = app.send(method, path, {} if method == "POST" else None, headers={"Origin": "https://spa.example"})
            assert not [name for name in answer.headers.keys() if name.lower().startswith("access-control-")], path
