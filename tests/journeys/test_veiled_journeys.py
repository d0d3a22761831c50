"""Veiled sign-in in Chromium: the demo app, the wallet as it is served, real tokens; nobody knows both halves."""

import json
import os
import re
import secrets
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.issuer import PASSWORD
from tests.journeys.conftest import NewVisitor
from tests.journeys.running_demo import BLINDAGE, RunningDemo
from tests.journeys.visitor import Visitor
from tests.wallet.words import texts_of

TAGS = {"en": "en", "zh": "zh-Hans"}
BATCH = 32


@dataclass
class Wallet:
    """The wallet in a visitor's browser, in the words of its own pages."""

    visitor: Visitor

    def press(self, name: str) -> None:
        """Press the button that the wallet's words call so."""
        self.visitor.page.get_by_role("button", name=self.word(name), exact=True).click()

    def word(self, name: str) -> str:
        """A text of the wallet."""
        return texts_of(self.visitor.page, TAGS[self.visitor.language])[name]

    def see(self, name: str) -> None:
        """Be on the screen with this heading, and nothing under way."""
        self.visitor.page.wait_for_url(self.visitor.demo.door + "/**")
        expect(self.visitor.page.get_by_role("heading", level=1)).to_have_text(self.word(name))
        expect(self.visitor.page.locator("#main")).not_to_have_attribute("aria-busy", "true")

    def open(self) -> None:
        """For itself, ahead of use."""
        self.visitor.page.goto(self.visitor.demo.door + "/wallet")

    def write_down_code(self) -> None:
        """From the set-up screen to a key of one's own."""
        page = self.visitor.page
        self.press("with_code")
        self.see("title_code")
        groups = page.locator(".code li").all_inner_texts()
        self.press("code_noted")
        self.see("title_confirm")
        for control in page.locator("#main input").all():
            label = page.locator(f"label[for={control.get_attribute('id')}]").inner_text()
            control.fill(groups[int(re.sub(r"\D", "", label)) - 1])
        self.press("confirm")

    def fetch_tokens(self, username: str, password: str, button: str = "fill") -> None:
        """To the account issuer, sign in there, agree, and back."""
        self.press(button)
        self.visitor.page.wait_for_url(self.visitor.demo.issuer + "/**")
        if self.visitor.page.locator("input[name=password]").count():
            self.visitor.give_password(username, password)
        expect(self.visitor.page.get_by_text("Age wallet").first).to_be_visible()
        self.visitor.look("wallet-consent")
        self.visitor.decide("allow")

    def set_up(self, username: str, password: str) -> None:
        """A wallet with a key and a batch of tokens."""
        self.open()
        self.see("title_setup")
        self.write_down_code()
        self.see("title_home")
        self.fetch_tokens(username, password)
        expect(self.visitor.page.locator(".count strong")).to_have_text(str(BATCH))


def press_veiled_sign_in(visitor: Visitor) -> Wallet:
    """At an app: go to the door."""
    visitor.page.get_by_role("button", name=visitor.words["sign_in_veiled"], exact=True).click()
    visitor.page.wait_for_url(visitor.demo.door + "/authorize?**")
    return Wallet(visitor)


def sign_in_veiled(visitor: Visitor, address: str | None = None) -> str:
    """From an app's first page to its area, with a token of a filled wallet; the pseudonym there."""
    visitor.open_app(address)
    wallet = press_veiled_sign_in(visitor)
    wallet.see("title_present")
    wallet.press("present")
    visitor.page.wait_for_url((address or visitor.demo.app) + "/")
    return visitor.shown("sub")


def sign_out(visitor: Visitor) -> None:
    """At the app, which sends the browser by the door."""
    visitor.page.get_by_role("button", name=visitor.words["sign_out"]).click()
    visitor.see_message("signed_out")


def new_person(demo: RunningDemo, birthdate: str) -> str:
    """Somebody whose tokens of this epoch are all still to be had."""
    username = "veiled-" + secrets.token_hex(4)
    environ = {
        **os.environ, "BLINDAGE_DATA_DIR": str(demo.data_dir / "account"), "BLINDAGE_ISSUER": demo.issuer,
    }  # fmt: skip

    def run(*arguments: str, told: str = "") -> Any:
        answer = subprocess.run(
            [*BLINDAGE, *arguments, "--json"], input=told, capture_output=True, text=True, env=environ, timeout=60,
            check=True,
        )  # fmt: skip
        return json.loads(answer.stdout)

    run("account", "create", "--username", username, "--password-stdin", told=PASSWORD + "\n")
    run(
        "evidence", "record", "--username", username, "--birthdate", birthdate, "--method", "in_person",
        "--assurance", "standard",
    )  # fmt: skip
    return username


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("zh", 320)])
def test_new_wallet_fills_on_the_way_and_the_app_learns_the_band(
    new_visitor: NewVisitor, language: str, width: int
) -> None:
    visitor = new_visitor(language, width)
    username, birthdate = {"en": ("adult", "1990-05-17"), "zh": ("minor", "2011-05-17")}[language]
    person = new_person(visitor.demo, birthdate)
    visitor.open_app()
    visitor.look("app-two-ways-in")
    wallet = press_veiled_sign_in(visitor)
    wallet.see("title_setup")
    wallet.write_down_code()
    wallet.see("title_present")
    assert wallet.word("close_in_time") in visitor.page.inner_text("main")
    wallet.fetch_tokens(person, PASSWORD, "fill_now")
    wallet.see("title_present")
    expect(visitor.page.locator(".domain")).to_have_text(visitor.demo.app.removeprefix("http://"))
    visitor.look("wallet-present")
    wallet.press("present")
    visitor.see_area(username)
    assert visitor.shown("age_band") == username
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", visitor.shown("sub"))
    # No cookie of the door is left.
    assert [cookie["name"] for cookie in visitor.context.cookies(visitor.demo.door)] == []


def test_wallet_is_one_pseudonym_for_each_app_until_it_is_emptied(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    wallet = Wallet(visitor)
    wallet.set_up(new_person(visitor.demo, "1985-02-03"), PASSWORD)
    first = sign_in_veiled(visitor)
    visitor.see_area("adult")
    sign_out(visitor)
    assert sign_in_veiled(visitor) == first
    other = sign_in_veiled(visitor, visitor.demo.other_app)
    wallet.open()
    expect(visitor.page.locator(".count strong")).to_have_text(str(BATCH - 3))
    wallet.press("forget")
    wallet.press("forget_now")
    # The tokens of this period are gone with the wallet, which says so: somebody else's account fills the next.
    wallet.see("title_setup")
    wallet.write_down_code()
    wallet.see("title_home")
    wallet.press("fill")
    wallet.see("title_home")
    expect(visitor.page.locator("[role=alert]")).to_have_attribute("data-code", "quota_used")
    wallet.press("forget")
    wallet.press("forget_now")
    wallet.see("title_setup")
    visitor.page.goto(visitor.demo.issuer + "/account")
    visitor.context.clear_cookies(domain="127.0.0.1")
    wallet.set_up(new_person(visitor.demo, "1985-02-03"), PASSWORD)
    visitor.open_app()
    sign_out(visitor)
    emptied = sign_in_veiled(visitor)
    assert len({first, other, emptied}) == 3


def test_no_at_the_door_and_a_child_come_back_as_every_no(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    visitor.open_app()
    wallet = press_veiled_sign_in(visitor)
    wallet.write_down_code()
    wallet.see("title_present")
    wallet.press("fill_now")
    visitor.give_password("demo-child")
    expect(visitor.page.get_by_text("guardian").first).to_be_visible()
    visitor.acknowledge()
    wallet.see("title_present")
    expect(visitor.page.locator("[role=alert]")).to_have_attribute("data-code", "sign_in_declined")
    wallet.press("decline")
    visitor.see_message("declined")


def test_direct_and_veiled_are_two_people_to_the_app(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    person = new_person(visitor.demo, "1985-02-03")
    Wallet(visitor).set_up(person, PASSWORD)
    veiled = sign_in_veiled(visitor)
    sign_out(visitor)
    visitor.open_app()
    visitor.press_sign_in()
    visitor.decide("allow")
    visitor.see_area("adult")
    assert visitor.shown("sub") != veiled
