"""Chromium in front of the stubs: a fresh browser for each test, and all that went over the network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.wallet.control import Stage, stage
from tests.wallet.words import texts_of

LOCALES = {"en": "en-GB", "zh-Hans": "zh-CN"}
BATCH = 32


@dataclass
class Person:
    """One browser profile with one tab, and what a person does in it. `words` are the page's own."""

    stage: Stage
    context: BrowserContext
    page: Page
    language: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def door(self) -> str:
        return self.stage.door.server.url

    def press(self, name: str) -> None:
        """Press the button with this text of the person's language, named as in the wallet's words."""
        self.page.get_by_role("button", name=self.word(name), exact=True).click()

    def word(self, name: str) -> str:
        """A text of the wallet, by its name."""
        return texts_of(self.page, self.language)[name]

    def see(self, name: str) -> None:
        """Be on the screen with this heading."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(self.word(name))
        expect(self.page.locator("#main")).not_to_have_attribute("aria-busy", "true")

    def see_error(self, code: str) -> None:
        """Be told of this error, once."""
        expect(self.page.locator("[role=alert]")).to_have_attribute("data-code", code)
        expect(self.page.locator("#main")).not_to_have_attribute("aria-busy", "true")

    def see_tokens(self, count: int) -> None:
        """See how many tokens are left, on the wallet's own screen."""
        expect(self.page.locator(".count strong")).to_have_text(str(count))

    def open_wallet(self) -> None:
        """Open the wallet for itself."""
        self.page.goto(f"{self.door}/wallet")

    def come_from_app(self, sector: str = "") -> None:
        """An app sends the browser to the door."""
        self.page.goto(f"{self.door}/authorize?sector={sector}")

    def write_down_code(self) -> list[str]:
        """From the set-up screen: take a recovery code, write it down, confirm it."""
        self.press("with_code")
        self.see("title_code")
        groups = self.page.locator(".code li").all_inner_texts()
        self.press("code_noted")
        self.see("title_confirm")
        for control in self.page.locator("#main input").all():
            label = self.page.locator(f"label[for={control.get_attribute('id')}]").inner_text()
            number = int("".join(letter for letter in label if letter.isdigit()))
            control.fill(groups[number - 1])
        self.press("confirm")
        return groups

    def set_up(self) -> list[str]:
        """A wallet with a key and a batch of tokens; the recovery code."""
        self.open_wallet()
        self.see("title_setup")
        groups = self.write_down_code()
        self.see("title_home")
        self.press("fill")
        self.see_tokens(BATCH)
        return groups

    def present(self, sector: str = "") -> None:
        """From an app's request to the app."""
        self.come_from_app(sector)
        self.see("title_present")
        self.press("present")
        self.page.wait_for_url("**/callback?code=*")


NewPerson = Callable[..., Person]


@pytest.fixture(scope="module")
def _running_stage() -> Iterator[Stage]:
    with stage(BATCH) as running:
        yield running


@pytest.fixture
def actors(_running_stage: Stage) -> Stage:
    """Issuer, door and app as new."""
    _running_stage.reset()
    return _running_stage


@pytest.fixture
def new_person(actors: Stage, chromium: Browser) -> Iterator[NewPerson]:
    """Makes a person with a fresh browser; `complains` allows messages of the console, which is else silent."""
    people: list[tuple[Person, bool]] = []

    def make(language: str = "en", complains: bool = False, before: str = "", **context: Any) -> Person:
        opened = chromium.new_context(locale=LOCALES[language], **context)
        opened.set_default_timeout(15_000)
        if before:
            opened.add_init_script(before)
        person = Person(actors, opened, opened.new_page(), language)
        opened.on("request", lambda request: person.requests.append(request.url))
        opened.on("console", lambda message: person.complaints.append(f"{message.type}: {message.text}"))
        opened.on("weberror", lambda error: person.complaints.append(str(error.error)))
        people.append((person, complains))
        return person

    yield make
    homes = tuple(f"{server.url}/" for server in (actors.issuer.server, actors.door.server, actors.door.app))
    for person, complains in people:
        person.context.close()
        assert [url for url in person.requests if not url.startswith(homes)] == []
        assert complains or person.complaints == []


@pytest.fixture(scope="session")
def wallet_screenshots(screenshots_dir: Path) -> Path:
    """Pictures of the wallet for people to look at."""
    directory = screenshots_dir / "wallet"
    directory.mkdir(exist_ok=True)
    return directory
