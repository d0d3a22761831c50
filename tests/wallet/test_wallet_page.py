"""The wallet in Chromium, under its own policy, against stubs that really sign and really verify."""

from typing import Any

import pytest

from tests.wallet.conftest import BATCH, NewPerson
from tests.wallet.control import Stage
from tests.wallet.stub_issuer import marking_key


def test_same_app_same_key_other_app_other_key_and_a_new_one_after_forgetting(
    actors: Stage, new_person: NewPerson
) -> None:
    person = new_person()
    person.set_up()
    for sector in ("a.example", "b.example", "a.example"):
        person.present(sector)
    person.open_wallet()
    person.see_tokens(BATCH - 3)
    person.press("forget")
    person.press("forget_now")
    person.see("title_setup")
    person.write_down_code()
    person.press("fill")
    person.see_tokens(BATCH)
    person.present("a.example")
    (first, other, again, after) = [key for _, key in actors.door.subjects]
    assert first == again
    assert len({first, other, after}) == 3
    assert len(actors.door.spent) == 4
    assert actors.issuer.charged == 2 * BATCH


def test_a_recovery_code_brings_the_pseudonyms_back_in_another_browser(actors: Stage, new_person: NewPerson) -> None:
    first = new_person()
    groups = first.set_up()
    first.present("a.example")
    second = new_person()
    second.open_wallet()
    second.press("had_wallet")
    second.page.fill("#code", " ".join(groups).lower())
    second.press("restore")
    second.see("title_home")
    second.press("fill")
    second.see_tokens(BATCH)
    second.present("a.example")
    assert len({key for _, key in actors.door.subjects}) == 1


def test_a_recovery_code_with_a_slip_is_refused_and_stays_to_be_mended(new_person: NewPerson) -> None:
    person = new_person(complains=True)
    person.open_wallet()
    person.press("had_wallet")
    person.page.fill("#code", "ABCD " * 14)
    person.press("restore")
    person.see_error("code_wrong")
    assert person.page.input_value("#code") == "ABCD " * 14


def test_a_code_that_was_not_written_down_is_not_kept(new_person: NewPerson) -> None:
    person = new_person(complains=True)
    person.open_wallet()
    person.press("with_code")
    person.press("code_noted")
    person.see("title_confirm")
    for control in person.page.locator("#main input").all():
        control.fill("AAAA")
    person.press("confirm")
    person.see_error("groups_wrong")
    person.open_wallet()
    person.see("title_setup")


def test_the_recovery_code_can_be_shown_again_and_copied(new_person: NewPerson) -> None:
    person = new_person(permissions=["clipboard-read", "clipboard-write"])
    groups = person.set_up()
    person.press("show_code")
    person.see("code_label")
    assert person.page.locator(".code li").all_inner_texts() == groups
    person.press("copy")
    person.page.get_by_role("status").wait_for()
    assert person.page.evaluate("navigator.clipboard.readText()") == " ".join(groups)


@pytest.mark.parametrize("has_prf", [True, False])
def test_a_passkey_makes_the_seed_and_brings_it_back(actors: Stage, new_person: NewPerson, has_prf: bool) -> None:
    person = new_person(complains=not has_prf)
    devtools = person.context.new_cdp_session(person.page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True, "hasPrf": has_prf, "ctap2Version": "ctap2_1",
    }  # fmt: skip
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    person.open_wallet()
    person.press("with_passkey")
    if not has_prf:
        person.see_error("no_passkey_seed")
        return person.see("title_setup")
    person.see("title_home")
    person.press("fill")
    person.see_tokens(BATCH)
    person.present("a.example")
    person.open_wallet()
    person.press("forget")
    person.press("forget_now")
    person.press("had_wallet")
    person.press("restore_passkey")
    person.see("title_home")
    person.press("fill")
    person.see_tokens(BATCH)
    person.present("a.example")
    assert len({key for _, key in actors.door.subjects}) == 1
    assert len(actors.door.spent) == 2


def test_an_empty_wallet_fills_on_the_way_after_the_words(actors: Stage, new_person: NewPerson) -> None:
    person = new_person()
    person.come_from_app()
    person.see("title_setup")
    person.write_down_code()
    person.see("title_present")
    assert person.word("close_in_time") in person.page.inner_text("main")
    assert person.page.get_by_role("button", name=person.word("present"), exact=True).count() == 0
    person.press("fill_now")
    person.page.wait_for_url("**/wallet")
    person.see("title_present")
    person.page.reload()
    person.see("title_present")
    person.press("present")
    person.page.wait_for_url("**/callback?code=*")
    assert len(actors.door.spent) == 1
    person.open_wallet()
    person.see_tokens(BATCH - 1)


def test_a_pseudonym_that_is_not_the_apps_own_is_named(actors: Stage, new_person: NewPerson) -> None:
    """A door that gave all apps one sector would know one person at all of them: its pages would have to say so."""
    person = new_person()
    person.set_up()
    noted = "It belongs to"
    for sector, shown, is_noted in (
        ("a.example", "a.example", False), ("a.example", "a.example:8443", False), ("a.example", "b.example", True),
        ("a.example", "a.example.evil.example", True), ("client:x", "com.example.app", True),
    ):  # fmt: skip
        person.page.goto(f"{person.door}/authorize?sector={sector}&shown={shown}")
        person.see("title_present")
        said = person.page.inner_text("main")
        assert shown in said and (f"{noted} “{sector}”" in said) == (noted in said) == is_noted


def test_declining_reaches_the_app_and_spends_nothing(actors: Stage, new_person: NewPerson) -> None:
    person = new_person()
    person.set_up()
    person.come_from_app()
    person.press("decline")
    person.page.wait_for_url("**/callback?error=access_denied")
    assert actors.door.spent == {}
    fresh = new_person()
    fresh.come_from_app()
    fresh.press("decline")
    fresh.page.wait_for_url("**/callback?error=access_denied")


def test_an_answer_by_form_post_is_posted_to_the_app(actors: Stage, new_person: NewPerson) -> None:
    actors.door.form_post = True
    person = new_person()
    person.set_up()
    person.come_from_app()
    person.press("present")
    person.page.wait_for_url("**/callback")
    (posted,) = [asked for asked in actors.door.app.asked if asked.method == "POST"]
    assert set(posted.form) == {"code"}


def test_the_request_that_was_answered_is_not_in_the_history(actors: Stage, new_person: NewPerson) -> None:
    person = new_person()
    person.set_up()
    person.page.goto(f"{actors.door.app.url}/")
    person.present()
    person.page.go_back()
    assert person.page.url == f"{actors.door.app.url}/"


def test_a_press_that_failed_can_be_pressed_again_and_costs_one_token(actors: Stage, new_person: NewPerson) -> None:
    person = new_person(complains=True)
    person.set_up()
    person.come_from_app()
    actors.door.failing.extend([503, 503, 503])
    person.press("present")
    person.see_error("door_unreachable")
    person.press("present")
    person.page.wait_for_url("**/callback?code=*")
    person.open_wallet()
    person.see_tokens(BATCH - 1)


def test_the_last_token_is_still_there_after_a_failed_press(actors: Stage, new_person: NewPerson) -> None:
    person = new_person(complains=True)
    person.set_up()
    for number in range(BATCH - 1):
        person.page.evaluate(
            "number => import('/wallet/store.mjs').then(({ openStore }) => openStore())"
            ".then((store) => store.takeToken(`spent-${number}`, Date.now() / 1000))", number,
        )  # fmt: skip
    person.come_from_app()
    actors.door.failing.extend([503, 503, 503])
    person.press("present")
    person.see_error("door_unreachable")
    person.press("present")
    person.page.wait_for_url("**/callback?code=*")
    person.come_from_app()
    person.see("title_present")
    # The batch of this epoch is used up: no second one is offered, and both screens say when there is.
    used_up = person.page.evaluate(
        "([language, day]) => import('/wallet/strings.mjs').then(({ wordsIn }) => wordsIn(language))"
        ".then((words) => words.used_up(words.day(day)))", ["en", actors.issuer.leaf["not_after"]],
    )  # fmt: skip
    shown = person.page.inner_text("main")
    assert person.word("none_title") in shown and used_up in shown
    assert person.page.get_by_role("button", name=person.word("fill_now"), exact=True).count() == 0
    person.open_wallet()
    person.see_tokens(0)
    assert used_up in person.page.inner_text("main")
    assert person.page.get_by_role("button", name=person.word("fill"), exact=True).count() == 0
    # A batch of the next epoch is.
    person.page.evaluate(
        "import('/wallet/store.mjs').then(({ openStore }) => openStore()).then(async (store) =>"
        " store.keep('filled', { ...(await store.value('filled')), epochEnds: Date.now() / 1000 - 1 }))"
    )
    person.open_wallet()
    person.press("fill")
    person.see_tokens(BATCH)


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("key_not_logged", "en"), ("batch_failed", "zh-Hans"), ("log_refused", "en"), ("not_entitled", "zh-Hans"),
        ("quota_used", "en"), ("sign_in_declined", "zh-Hans"),
    ],
)  # fmt: skip
def test_what_the_issuer_does_wrong_or_refuses_is_said_in_words(
    actors: Stage, new_person: NewPerson, code: str, language: str
) -> None:
    person = new_person(language, complains=True)
    person.open_wallet()
    person.write_down_code()
    if code == "key_not_logged":
        actors.issuer.shows = actors.issuer.signs = marking_key()
    elif code == "batch_failed":
        actors.issuer.signs = marking_key()
    elif code == "log_refused":
        actors.issuer.log.entries.append(b"{}")
    elif code == "sign_in_declined":
        actors.issuer.declines = True
    else:
        actors.issuer.failing["/token-request"] = [{"not_entitled": 403, "quota_used": 429}[code]]
    person.press("fill")
    person.page.wait_for_url("**/wallet")
    person.see_error(code)
    person.see_tokens(0)
    shown = person.page.locator("[role=alert]").inner_text()
    words: dict[str, Any] = person.page.evaluate(
        "language => import('/wallet/strings.mjs').then(({ wordsIn }) => wordsIn(language).errors)", language
    )
    assert shown == words[code]


def test_the_language_is_switched_in_the_page_and_remembered(new_person: NewPerson) -> None:
    person = new_person("en")
    person.open_wallet()
    person.see("title_setup")
    before = len(person.requests)
    person.page.get_by_role("button", name="简体中文").click()
    person.language = "zh-Hans"
    person.see("title_setup")
    assert len(person.requests) == before
    assert person.page.get_attribute("html", "lang") == "zh-Hans"
    person.open_wallet()
    person.see("title_setup")


def test_a_second_press_while_one_is_under_way_does_nothing(actors: Stage, new_person: NewPerson) -> None:
    person = new_person()
    person.set_up()
    person.come_from_app()
    person.see("title_present")
    person.page.evaluate(
        "name => { for (const button of document.querySelectorAll('#main button'))"
        " if (button.textContent === name) { button.click(); button.click(); button.click(); } }",
        person.word("present"),
    )
    person.page.wait_for_url("**/callback?code=*")
    assert sum(asked.path == "/present" for asked in actors.door.server.asked) == 1
    assert len(actors.door.spent) == 1
