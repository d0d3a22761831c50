"""Every posted form proves that it was made here, for this browser, for this path (threats B06)."""

from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from idp.domain.session import session_id
from idp.web.cookies import read_secret
from idp.web.csrf import FormTokens, from_own_page
from idp.web.pages.application import PAGES
from idp.web.pages.ops import OPS_PAGES
from tests.device import DEVICE_CLIENT, waiting_code
from tests.web.conftest import Pages, authorize_url, request_of
from tests.web.staff import Colleague, on_duty
from tests.web.visitor import ISSUER, Visitor, forms_of, without

EXEMPT = {"/authorize", "/logout"}
"""Apps post their own requests there; none of them changes anything before a person has answered."""


def _posted_paths(pages: Pages) -> list[str]:
    rules = [rule for rule in pages.app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    return sorted(rule.rule for rule in rules)


def _forms(pages: Pages) -> tuple[Visitor, dict[str, dict[str, str]]]:
    """A signed-in browser and a valid form for each path that takes one."""
    person, child = pages.person(), pages.person("child")
    visitor = pages.signed_in(person)
    client = pages.app_client()
    consent = visitor.follow(visitor.get(authorize_url(client)))
    answers: list[TestResponse] = [consent, visitor.get("/logout")]
    answers += [visitor.get("/sign-in?other=1"), visitor.get("/sign-up"), visitor.get("/device"), visitor.get("/reset")]
    code = waiting_code(pages.provider, pages.app_client(**DEVICE_CLIENT))
    answers.append(visitor.follow(visitor.get(f"/device?user_code={code}")))
    visitor.submit(consent, {"decision": "allow"})
    answers.append(visitor.get("/account"))
    found = {form.action: form.fields for answer in answers for form in forms_of(answer)}
    # A notice needs somebody whom something stands in the way of; its token is that browser's.
    small = pages.signed_in(child)
    notice = forms_of(small.follow(small.get(authorize_url(client))))[0]
    assert notice.action == "/notice"
    found["/notice"] = {
        **found["/consent"], "csrf": _tokens(pages, visitor).token("/notice"),
    }  # fmt: skip
    # An issuer at an address shows no forms for passkeys, and guards their paths all the same.
    tokens = _tokens(pages, visitor)
    found |= {path: {"csrf": tokens.token(path)} for path in ("/account/passkeys", "/account/passkeys/remove")}
    someone = on_duty(pages)
    # The same browser, in which staff are on duty too: as where one person is both.
    visitor.client.set_cookie("blindage_staff", someone.visitor.cookie("staff") or "", domain="127.0.0.1")
    shared = Colleague(pages, someone.member, visitor)
    found |= {page.path: {"csrf": shared.token(page.path)} for page in OPS_PAGES if "POST" in page.methods}
    found["/ops/sign-in"] = {"csrf": tokens.token("/ops/sign-in", with_session=False)}
    found["/sign-in/passkey"] = {"csrf": tokens.token("/sign-in/passkey", with_session=False)}
    return visitor, found


def _tokens(pages: Pages, visitor: Visitor) -> FormTokens:
    browser = read_secret({"x": visitor.cookie("browser") or ""}, "x")
    session = read_secret({"x": visitor.cookie("session") or ""}, "x")
    assert browser is not None
    return FormTokens(pages.provider.realm.ring, browser, session_id(session) if session else b"")


def test_the_url_map_posts_nowhere_that_is_not_tested(pages: Pages) -> None:
    _, forms = _forms(pages)
    assert set(_posted_paths(pages)) == set(forms) | EXEMPT


@pytest.mark.parametrize("path", sorted({page.path for page in PAGES if "POST" in page.methods} - EXEMPT))
def test_a_form_needs_its_own_token_and_no_foreign_origin(pages: Pages, path: str) -> None:
    visitor, forms = _forms(pages)
    form = forms[path]
    other, others = _forms(pages)
    foreign_path = next(name for name in sorted(others) if name != path)
    assert visitor.post(path, without(form, "csrf")).status_code == 403
    assert visitor.post(path, b"").status_code == 403
    assert visitor.post(path, {**form, "csrf": "x" * 43}).status_code == 403
    assert visitor.post(path, {**form, "csrf": others[path]["csrf"]}).status_code == 403
    assert visitor.post(path, {**form, "csrf": forms[foreign_path]["csrf"]}).status_code == 403
    assert visitor.post(path, [*form.items(), ("csrf", form["csrf"])]).status_code == 403
    assert visitor.post(path, form, Origin="https://evil.example").status_code == 403
    assert visitor.post(path, form, Origin="http://127.0.0.1:9001").status_code == 403
    assert visitor.post(path, form, Sec_Fetch_Site="cross-site").status_code == 403
    assert visitor.post(path, form, Sec_Fetch_Site="same-site").status_code == 403
    assert pages.visitor().post(path, form).status_code == 403
    assert visitor.client.post(path, json=form, base_url=ISSUER).status_code == 403
    assert visitor.get("/account").status_code == 200, "a refused form did something"
    # The control: from our own page the same form is let through to the page's own rules.
    assert visitor.post(path, form, Origin=ISSUER, Sec_Fetch_Site="same-origin").status_code != 403


def test_a_missing_or_null_origin_passes_with_a_valid_token(pages: Pages) -> None:
    """Under `Referrer-Policy: no-referrer` browsers send `Origin: null` with our own forms."""
    visitor = pages.visitor()
    page = visitor.get("/sign-in")
    wrong = {"username": "x", "password": "y"}
    assert visitor.submit(page, wrong).status_code == 400
    assert visitor.submit(page, wrong, Origin="null").status_code == 400
    assert visitor.submit(page, wrong, Origin="null", Sec_Fetch_Site="same-origin").status_code == 400
    assert visitor.submit(page, wrong, Origin="null", Sec_Fetch_Site="cross-site").status_code == 403


def test_apps_may_post_their_request_from_their_own_site(pages: Pages) -> None:
    client = pages.app_client()
    answer = pages.visitor().post(
        "/authorize", request_of(client), Origin="https://app.example", Sec_Fetch_Site="cross-site"
    )
    assert urlsplit(answer.location).path == "/authorize"


def test_a_sign_in_form_stays_good_when_somebody_signs_in_beside_it(pages: Pages) -> None:
    person, visitor = pages.person(), pages.visitor()
    page = visitor.get("/sign-in")
    visitor.sign_in(person.username)
    assert visitor.sign_in(person.username, page).status_code == 303


def test_a_form_of_one_session_is_not_good_in_the_next(pages: Pages) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    form = forms_of(visitor.get("/account"))[0]
    visitor.sign_in(person.username, visitor.get("/sign-in?other=1"))
    assert visitor.post(form.action, form.fields).status_code == 403


def test_tokens_of_an_older_ring_key_are_still_good(pages: Pages) -> None:
    ring = pages.provider.realm.ring
    token = FormTokens(ring, b"b" * 32, b"").token("/x")
    rotated = FormTokens(ring.with_new_entry(), b"b" * 32, b"")
    assert rotated.holds(token, "/x")
    assert rotated.token("/x") != token
    assert not rotated.holds(token, "/y")
    assert not rotated.holds("\u20ac" * 43, "/x")


@pytest.mark.parametrize(
    ("origin", "site", "ours"),
    [
        (None, None, True),
        ("https://id.example", None, True),
        ("https://id.example", "same-origin", True),
        (None, "none", True),
        ("null", "same-origin", True),
        ("https://id.example", "same-site", False),
        ("https://id.example", "cross-site", False),
        ("https://ID.example", None, False),
        ("https://id.example.evil", None, False),
        ("http://id.example", None, False),
        ("https://id.example:444", None, False),
        ("", None, False),
    ],
)
def test_which_origins_are_ours(origin: str | None, site: str | None, ours: bool) -> None:
    assert from_own_page(origin, site, "https://id.example") is ours
