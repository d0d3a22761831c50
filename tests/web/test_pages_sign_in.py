"""Sign-in, sign-up and the cookies they set (threats B03 to B05)."""

from urllib.parse import urlsplit

import pytest

from idp.services.sign_in import TRIES_PER_ACCOUNT, current_session
from idp.web.cookies import read_secret
from idp.web.pages.application import create_pages
from idp.web.rate_limit import SIGN_INS, SIGN_UPS, RateLimits
from tests.web.conftest import Pages, authorize_url
from tests.web.visitor import PASSWORD, Visitor, forms_of, query_of, returned

WRONG = {"username": "nobody-of-this-name", "password": "not the password"}


def test_sign_in_without_a_request_leads_to_the_account(pages: Pages) -> None:
    person, visitor = pages.person(), pages.visitor()
    answer = visitor.sign_in(person.username)
    assert (answer.status_code, answer.location) == (303, "/account")
    assert visitor.get("/sign-in").location == "/account"
    assert visitor.get("/").location == "/account"


def test_the_first_form_has_csrf_username_and_password(pages: Pages) -> None:
    visitor = pages.visitor()
    page = visitor.follow(visitor.get(authorize_url(pages.app_client())))
    [form] = forms_of(page)
    assert set(form.fields) == {"csrf", "request", "username", "password"}


def test_wrong_password_and_unknown_name_are_answered_byte_for_byte_alike(pages: Pages) -> None:
    person, visitor = pages.person(), pages.visitor()
    for page in (visitor.get("/sign-in"), visitor.follow(visitor.get(authorize_url(pages.app_client())))):
        known = visitor.submit(page, {"username": person.username, "password": "not the password"})
        unknown = visitor.submit(page, WRONG)
        hostile = visitor.submit(page, {"username": "\u202ename", "password": "not the password"})
        assert known.status_code == unknown.status_code == hostile.status_code == 400
        assert known.data == unknown.data == hostile.data
        assert list(known.headers) == list(unknown.headers) == list(hostile.headers)
        assert visitor.cookie("session") is None


def test_a_field_left_out_is_said(pages: Pages) -> None:
    visitor = pages.visitor()
    page = visitor.get("/sign-in")
    assert visitor.submit(page, {"username": "", "password": "x"}).status_code == 400
    assert visitor.submit(page, {"username": "x", "password": ""}).status_code == 400


def test_after_ten_wrong_passwords_the_right_one_waits_and_the_page_says_429(pages: Pages) -> None:
    person, visitor = pages.person(), pages.visitor()
    page = visitor.get("/sign-in")
    for _ in range(TRIES_PER_ACCOUNT):
        assert visitor.submit(page, {"username": person.username, "password": "wrong"}).status_code == 400
    late = visitor.submit(page, {"username": person.username, "password": PASSWORD})
    assert late.status_code == 429
    wait = int(late.headers["Retry-After"])
    assert 0 < wait <= 3600
    pages.clock.advance(wait)
    assert visitor.submit(page, {"username": person.username, "password": PASSWORD}).status_code == 303


def test_wrong_passwords_are_limited_by_address_too(pages: Pages) -> None:
    app = create_pages(pages.provider, RateLimits(pages.clock, None))
    visitor = Visitor(app)
    page = visitor.get("/sign-in")
    statuses = []
    for number in range(SIGN_INS.amount + 2):
        answer = visitor.submit(page, {**WRONG, "username": f"guess-{number}"})
        statuses.append(answer.status_code)
    assert statuses[: SIGN_INS.amount] == [400] * SIGN_INS.amount
    assert statuses[-1] == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_sign_ups_are_limited_by_address(pages: Pages) -> None:
    visitor = Visitor(create_pages(pages.provider, RateLimits(pages.clock, None)))
    page = visitor.get("/sign-up")
    for number in range(SIGN_UPS.amount + 1):
        answer = visitor.submit(page, {"username": f"many-{number}", "password": "short"})
        assert answer.status_code == 400
    assert visitor.submit(page, {"username": "many-more", "password": PASSWORD}).status_code == 429


def test_a_planted_session_cookie_is_never_signed_in(pages: Pages) -> None:
    person = pages.person()
    attacker, victim = pages.signed_in(pages.person()), pages.visitor()
    planted = attacker.cookie("session") or ""
    victim.client.set_cookie("blindage_session", planted, domain="127.0.0.1")
    page = victim.get("/sign-in?other=1")
    assert victim.sign_in(person.username, page).status_code == 303
    assert victim.cookie("session") != planted
    # The planted session is over: whoever planted it learns and keeps nothing.
    assert attacker.get("/account").location == "/sign-in"


def test_each_sign_in_has_a_new_session_and_ends_the_old_one(pages: Pages) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    first = read_secret({"s": visitor.cookie("session") or ""}, "s")
    visitor.sign_in(person.username, visitor.get("/sign-in?other=1"))
    second = read_secret({"s": visitor.cookie("session") or ""}, "s")
    assert first != second
    assert current_session(pages.provider.realm, first) is None
    assert current_session(pages.provider.realm, second) is not None


def test_a_pending_request_opens_only_in_the_browser_it_was_made_for(pages: Pages) -> None:
    """An attacker sends a victim the middle of a flow (Keycloak CVE-2026-7507)."""
    person = pages.person()
    attacker, victim = pages.visitor(), pages.signed_in(person)
    link = attacker.get(authorize_url(pages.app_client())).location
    sealed = query_of(link)["request"]
    for path in ("/sign-in", "/sign-up", "/consent", "/notice"):
        answer = victim.get(f"{path}?request={sealed}")
        assert answer.status_code == 400
        assert "Location" not in answer.headers
    own = forms_of(victim.get("/sign-in?other=1"))[0]
    answer = victim.post(
        "/sign-in", {**own.fields, "request": sealed, "username": person.username, "password": PASSWORD}
    )
    assert answer.status_code == 400
    assert "Set-Cookie" not in answer.headers


def test_a_pending_request_expires_after_half_an_hour(pages: Pages) -> None:
    visitor = pages.visitor()
    link = visitor.get(authorize_url(pages.app_client())).location
    pages.clock.advance(1799)
    assert visitor.get(link).status_code == 200
    pages.clock.advance(1)
    assert visitor.get(link).status_code == 400


@pytest.mark.parametrize("sealed", ["x", "AAAA", "%FF", "a" * 6000, "x&request=x"])
def test_a_request_that_is_not_ours_is_a_page(pages: Pages, sealed: str) -> None:
    assert pages.visitor().get(f"/sign-in?request={sealed}").status_code == 400


def test_someone_signed_in_goes_on_at_once_and_may_switch(pages: Pages) -> None:
    first, second = pages.person(), pages.person()
    visitor = pages.visitor()
    link = visitor.get(authorize_url(pages.app_client())).location
    visitor.sign_in(first.username, visitor.get(link))
    assert urlsplit(visitor.get(link).location).path == "/consent"
    page = visitor.get(link + "&other=1")
    assert 'name="password"' in page.text
    page = visitor.follow(visitor.sign_in(second.username, page))
    assert second.username in page.text
    assert "code" in returned(visitor.submit(page, {"decision": "allow"}))


def test_cookies_on_loopback_http(pages: Pages) -> None:
    answer = pages.visitor().get("/sign-in")
    [cookie] = answer.headers.getlist("Set-Cookie")
    name, *attributes = cookie.split("; ")
    assert name.startswith("blindage_browser=")
    assert set(attributes) == {"HttpOnly", "Path=/", "SameSite=Lax"}


def test_cookies_on_https_have_the_host_prefix(https_pages: Pages) -> None:
    person, visitor = https_pages.person(), https_pages.visitor()
    answers = [visitor.get("/sign-in")]
    answers.append(visitor.sign_in(person.username, answers[0]))
    answers.append(visitor.get("/account?lang=en"))
    cookies = [cookie for answer in answers for cookie in answer.headers.getlist("Set-Cookie")]
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "__Host-blindage_browser", "__Host-blindage_session", "__Host-blindage_language",
    }  # fmt: skip
    for cookie in cookies:
        attributes = cookie.split("; ")[1:]
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(attributes)
        assert not any(attribute.startswith("Domain") for attribute in attributes)
    session = next(cookie for cookie in cookies if "session" in cookie)
    assert "Max-Age" not in session
    assert "Expires" not in session


def test_sign_up_signs_in_and_goes_on(pages: Pages) -> None:
    visitor, client = pages.visitor(), pages.app_client(scope=frozenset({"openid"}))
    start = visitor.follow(visitor.get(authorize_url(client, scope="openid")))
    assert "/sign-up?request=" in start.text
    page = visitor.get(start.text.partition('href="/sign-up?')[2].partition('"')[0].join(("/sign-up?", "")))
    answer = visitor.submit(page, {"username": "newcomer", "password": PASSWORD})
    assert urlsplit(answer.location).path == "/consent"
    assert "code" in returned(visitor.submit(visitor.get(answer.location), {"decision": "allow"}))


def test_sign_up_without_a_request_leads_to_the_account(pages: Pages) -> None:
    visitor = pages.visitor()
    answer = visitor.submit(visitor.get("/sign-up"), {"username": "alone", "password": PASSWORD})
    assert answer.location == "/account"
    assert "alone" in visitor.get("/account").text


@pytest.mark.parametrize(
    ("username", "password", "words"),
    [
        ("fresh", "short", "at least 8 characters"),
        ("fresh-name", "fresh-name!", "not like the username"),
        ("fresh", "PassWord123", "widely known"),
        ("\u202eevil", PASSWORD, "all of them visible"),
        ("n" * 129, PASSWORD, "at most 128"),
        ("", PASSWORD, "fill in both"),
        ("fresh", "", "fill in both"),
    ],
)
def test_sign_up_says_what_is_wrong(pages: Pages, username: str, password: str, words: str) -> None:
    visitor = pages.visitor()
    answer = visitor.submit(visitor.get("/sign-up"), {"username": username, "password": password})
    assert answer.status_code == 400
    assert words in answer.text
    assert not password or password not in answer.text
    assert visitor.cookie("session") is None


def test_a_taken_username_is_refused_and_the_old_account_stays(pages: Pages) -> None:
    person, visitor = pages.person(), pages.visitor()
    answer = visitor.submit(visitor.get("/sign-up"), {"username": person.username, "password": "another password"})
    assert answer.status_code == 400
    assert visitor.cookie("session") is None
    assert pages.signed_in(person).get("/account").status_code == 200
