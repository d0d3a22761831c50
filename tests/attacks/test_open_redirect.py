"""The issuer as an open redirector: of more than a hundred crafted attempts none leads off it (threats A12)."""

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit

import pytest
from werkzeug.test import TestResponse

from idp.domain.client import ClientState
from idp.services.accounts import create_account
from tests.app import App, Person
from tests.relying_party import RelyingParty
from tests.web.visitor import PASSWORD, forms_of, returned

EVIL = "evil.example"
TARGETS = (
    f"https://{EVIL}/", f"//{EVIL}/", f"///{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"https:{EVIL}", f"https:/{EVIL}",
    f"https:///{EVIL}", f"http://{EVIL}", f"HTTPS://{EVIL}", f"javascript:location='https://{EVIL}'",
    f"data:text/html,{EVIL}", f"https://id.example@{EVIL}/", f"https://{EVIL}/https://id.example/",
    f"https://id.example.{EVIL}/", f"%2f%2f{EVIL}", f"/%09/{EVIL}", f"/%0d%0aLocation:%20https://{EVIL}",
    f"\r\nLocation: https://{EVIL}", f"https://{EVIL}#@id.example",
)  # fmt: skip
NAMES = (
    "next", "return_to", "continue", "url", "redirect", "redirect_url", "target", "goto", "RelayState", "lang",
    "request",
)  # fmt: skip
PAGES = (
    "/", "/sign-in", "/sign-up", "/consent", "/notice", "/account", "/logout", "/static/x",
    "/.well-known/change-password",
)  # fmt: skip


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """A reviewed app, which everybody may be sent to."""
    return app.register_client(post_logout_redirect_uris=("https://out.example/",))


@pytest.fixture(scope="module")
def person(app: App) -> Person:
    """Somebody signed in."""
    return app.signed_in()


def _attempts(party: RelyingParty) -> Iterator[tuple[str, str, dict[str, str] | None]]:
    """Method, path, form."""
    for target in TARGETS:
        for more in ({}, {"prompt": "none"}, {"response_mode": "form_post", "scope": "email"}):
            asked = party.parameters(redirect_uri=target, **more)
            yield "GET", f"/authorize?{urlencode(asked)}", None
            yield "POST", "/authorize", asked
        yield "GET", f"/logout?{urlencode({'post_logout_redirect_uri': target, 'client_id': party.id})}", None
        yield "POST", "/logout", {"post_logout_redirect_uri": target, "state": target}
        yield "GET", f"/{target}", None
        yield "GET", f"/static/{target}", None
        pushed = urlencode({"client_id": party.id, "request_uri": target})
        yield "GET", f"/authorize?{pushed}&redirect_uri={quote(target)}", None
    for page in PAGES:
        for name in NAMES:
            for target in TARGETS[:6]:
                yield "GET", f"{page}?{urlencode({name: target})}", None


def _leads_to(answer: TestResponse) -> list[str]:
    """Every address that a browser would go to by itself or by the first button."""
    addresses = [answer.headers["Location"]] if "Location" in answer.headers else []
    if "Refresh" in answer.headers:
        addresses.append(answer.headers["Refresh"])
    if (answer.content_type or "").startswith("text/html") and answer.data:
        addresses += re.findall(r'http-equiv="refresh"[^>]*content="([^"]*)"', answer.text, re.IGNORECASE)
        addresses += [form.action for form in forms_of(answer)]
        addresses += re.findall(r'<base[^>]*href="([^"]*)"', answer.text)
    return addresses


def _foreign(address: str, party: RelyingParty) -> bool:
    cleaned = re.sub(r"[\t\r\n]", "", address).replace("\\", "/")
    parts = urlsplit(cleaned)
    if not parts.scheme and not parts.netloc:
        return False
    return not cleaned.startswith((party.callback, "https://id.example/"))


def test_no_crafted_address_leads_to_an_unregistered_place(app: App, party: RelyingParty, person: Person) -> None:
    """row 13: RFC 9700, section 4.11.2: signed in or not, by GET and POST, by redirect, refresh, form or base."""
    tried, led = 0, []
    for method, path, form in _attempts(party):
        for browser in (person.browser, app.browser()):
            answer = browser.get(path) if form is None else browser.post(path, form)
            tried += 1
            assert answer.status_code < 500, path
            if any(_foreign(address, party) for address in _leads_to(answer)):
                led.append((method, path))
    assert tried > 100
    assert led == []


@pytest.mark.parametrize(
    "header", ["HTTP_HOST", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED", "HTTP_X_ORIGINAL_URL", "HTTP_X_FORWARDED_PREFIX"]
)
def test_no_header_makes_the_issuer_redirect_elsewhere(app: App, party: RelyingParty, header: str) -> None:
    """row 13: threats A34: addresses are made from configuration, never from the request."""
    value = {"HTTP_FORWARDED": f"host={EVIL};proto=https"}.get(header, EVIL)
    for path in ("/", "/account", "/sign-in", party.authorize_url(), "/static", "/.well-known/change-password"):
        answer = app.browser().client.get(path, base_url=app.origin, environ_overrides={header: value})
        assert EVIL not in answer.headers.get("Location", "")
        assert EVIL not in answer.text.replace("&amp;", "&").split("<body>")[-1] or answer.status_code == 400


def test_unreviewed_app_is_not_answered_by_a_redirect(app: App) -> None:
    """row 13: RFC 9700, section 4.11.2: whoever registers an app must not get an open redirector with it."""
    party = app.register_client(state=ClientState.PENDING)
    wrong = {"prompt": "none"}, {"scope": "email"}, {"prompt": "dance"}, {"response_type": "token"}, {"claims": "{"}
    for changes in wrong:
        for browser in (app.browser(), app.signed_in().browser):
            for mode in (None, "form_post"):
                answer = party.ask(browser, response_mode=mode, **changes)
                assert answer.status_code == 400
                assert "Location" not in answer.headers and not forms_of(answer)
                assert party.callback not in answer.text


def test_person_who_declines_goes_back_to_an_unreviewed_app_by_a_click(app: App) -> None:
    """row 13: the page says what is going on, and only its button leads there."""
    party, person = app.register_client(state=ClientState.PENDING), app.signed_in()
    page = person.browser.follow(party.ask(person.browser))
    assert page.status_code == 200
    assert returned(person.browser.submit(page))["error"] == "access_denied"


def test_tester_is_sent_to_an_unreviewed_app(app: App) -> None:
    """row 22: for those who try an app before its review, everything is as it will be."""
    account = create_account(app.provider.realm, "tester", PASSWORD, tester=True)
    party, person = app.register_client(state=ClientState.PENDING), Person(account, app.browser())
    person.browser.sign_in("tester")
    assert party.refused(person.browser, prompt="none") == "consent_required"
    assert party.refused(person.browser, scope="email") == "invalid_scope"
