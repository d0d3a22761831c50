"""People sign in to the demo app through real pages in Chromium; pictures are kept in var/ci/screenshots."""

import re
import secrets

import pytest
from playwright.sync_api import expect

from tests.chromium import follow
from tests.journeys.conftest import NewVisitor

LANGUAGES = ["en", "zh"]
WIDTHS = [320, 1280]
LANG = {"en": "en", "zh": "zh-Hans"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_adult_comes_to_the_area_for_adults(new_visitor: NewVisitor, language: str, width: int) -> None:
    visitor = new_visitor(language, width)
    visitor.open_app()
    visitor.see_area("anonymous")
    visitor.look("app-anonymous")
    visitor.press_sign_in()
    expect(visitor.page.locator("html")).to_have_attribute("lang", LANG[language])
    visitor.look("sign-in")
    visitor.give_password("demo-adult")
    expect(visitor.page.get_by_text("Lantern Cinema").first).to_be_visible()
    visitor.look("consent")
    visitor.decide("allow")
    visitor.see_area("adult")
    assert visitor.shown("age_band") == "adult"
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", visitor.shown("sub"))
    visitor.look("app-adult")
    visitor.page.goto(visitor.demo.app + "/films/night-train")
    expect(visitor.page.locator("main")).not_to_have_attribute("data-message", re.compile("."))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_minor_comes_to_the_area_for_minors(new_visitor: NewVisitor, language: str, width: int) -> None:
    visitor = new_visitor(language, width)
    visitor.sign_in("demo-minor")
    visitor.see_area("minor")
    assert visitor.shown("age_band") == "minor"
    visitor.look("app-minor")
    answer = visitor.page.goto(visitor.demo.app + "/films/night-train")
    assert answer is not None and answer.status == 403
    visitor.see_message("gated_signed_in")
    visitor.look("app-gated")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_on_the_consent_page_comes_back_as_a_friendly_page(new_visitor: NewVisitor, language: str) -> None:
    visitor = new_visitor(language, 320)
    visitor.open_app()
    visitor.press_sign_in()
    visitor.give_password("demo-adult")
    visitor.decide("deny")
    visitor.see_message("declined")
    visitor.look("app-declined")
    visitor.open_app()
    visitor.see_area("anonymous")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_child_is_told_that_the_guardian_must_agree(new_visitor: NewVisitor, language: str, width: int) -> None:
    visitor = new_visitor(language, width)
    visitor.open_app()
    visitor.press_sign_in()
    visitor.give_password("demo-child")
    expect(visitor.page.get_by_text({"en": "guardian", "zh": "监护人"}[language]).first).to_be_visible()
    assert visitor.page.locator("button[name=decision][value=allow]").count() == 0
    visitor.look("notice-guardian")
    visitor.acknowledge()
    # The app cannot tell this from any other no.
    visitor.see_message("declined")


@pytest.mark.parametrize("language", LANGUAGES)
def test_unknown_name_and_wrong_password_get_the_same_page(new_visitor: NewVisitor, language: str) -> None:
    visitor = new_visitor(language, 320)
    visitor.open_app()
    visitor.press_sign_in()
    alerts = []
    for username in ("nobody-" + secrets.token_hex(4), "demo-adult"):
        visitor.give_password(username, "not the password")
        alerts.append(visitor.page.get_by_role("alert").inner_text())
    assert alerts[0] == alerts[1] != ""
    visitor.look("sign-in-wrong")
    visitor.give_password("demo-adult")
    visitor.decide("deny")
    visitor.see_message("declined")


@pytest.mark.parametrize("language", LANGUAGES)
def test_new_account_is_told_what_to_do_about_its_age(new_visitor: NewVisitor, language: str) -> None:
    visitor = new_visitor(language, 320)
    visitor.open_app()
    visitor.press_sign_in()
    follow(visitor.page.locator("main a[href*=sign-up]"))
    visitor.look("sign-up")
    visitor.give_password("new-" + secrets.token_hex(4), "a password made today")
    expect(visitor.page.locator("main ol")).to_be_visible()
    assert visitor.page.locator("button[name=decision]").count() == 0
    visitor.look("notice-age-unknown")
    visitor.acknowledge()
    visitor.see_message("declined")


def test_two_apps_know_one_person_by_two_pseudonyms(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    visitor.sign_in("demo-adult")
    first = visitor.shown("sub")
    visitor.open_app(visitor.demo.other_app)
    visitor.see_area("anonymous")
    visitor.press_sign_in()
    # Signed in at the issuer already; asked for consent, as this is another app.
    expect(visitor.page.get_by_text("Harbour Cinema").first).to_be_visible()
    visitor.decide("allow")
    visitor.see_area("adult")
    assert visitor.shown("sub") != first
    visitor.look("other-app-adult")


def test_next_time_nothing_is_asked_and_the_pseudonym_is_the_same(new_visitor: NewVisitor) -> None:
    first, again = new_visitor(), new_visitor()
    first.sign_in("demo-minor")
    again.open_app()
    again.press_sign_in()
    again.give_password("demo-minor")
    again.see_area("minor")
    assert again.shown("sub") == first.shown("sub")


@pytest.mark.parametrize("language", LANGUAGES)
def test_signed_out_person_is_a_stranger_here_and_at_the_issuer(new_visitor: NewVisitor, language: str) -> None:
    visitor = new_visitor(language)
    visitor.sign_in("demo-adult")
    visitor.page.get_by_role("button", name=visitor.words["sign_out"]).click()
    visitor.see_message("signed_out")
    assert visitor.page.url.startswith(visitor.demo.app + "/signed-out")
    visitor.look("app-signed-out")
    visitor.open_app()
    visitor.see_area("anonymous")
    visitor.press_sign_in()
    visitor.give_password("demo-adult")
    visitor.see_area("adult")


def test_pages_work_in_the_dark_and_without_scripts(new_visitor: NewVisitor) -> None:
    visitor = new_visitor("en", 320, dark=True, scripts=False)
    visitor.open_app()
    visitor.press_sign_in()
    visitor.look("sign-in")
    visitor.give_password("demo-adult")
    visitor.look("consent")
    visitor.decide("allow")
    visitor.see_area("adult")
    visitor.look("app-adult")
