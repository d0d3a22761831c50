"""A person with a browser: the steps of the journeys, in the words of the pages."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect

from relying_party_demo.languages import WORDS
from tests.chromium import follow
from tests.journeys.running_demo import RunningDemo


class Visitor:
    """One browser profile. `words` are the demo app's texts in this person's language."""

    def __init__(
        self, demo: RunningDemo, context: BrowserContext, screenshots: Path, language: str, width: int, dark: bool
    ) -> None:
        self.demo = demo
        self.context = context
        self.language = language
        self.words: Mapping[str, str] = WORDS[language]
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._screenshots = screenshots
        self._variant = f"{language}-{width}" + ("-dark" if dark else "")
        context.on("request", self._note_request)
        context.on("console", self._note_console)
        self.page: Page = context.new_page()

    def open_app(self, address: str | None = None) -> None:
        """Open a demo app's first page."""
        self.page.goto(address or self.demo.app)

    def press_sign_in(self) -> None:
        """At the app: go to the account issuer."""
        self.page.get_by_role("button", name=self.words["sign_in"], exact=True).click()
        self.page.wait_for_url(self.demo.issuer + "/**")

    def give_password(self, username: str, password: str | None = None) -> None:
        """At the account issuer: sign in; by default with the password that the demo printed."""
        self.page.locator("input[name=username]").fill(username)
        self.page.locator("input[name=password]").fill(password or self.demo.password(username))
        follow(self.page.locator("form:has(input[name=password]) button"))

    def decide(self, decision: str) -> None:
        """On the consent page: `allow` or `deny`."""
        follow(self.page.locator(f"button[name=decision][value={decision}]"))

    def acknowledge(self) -> None:
        """On a notice in the place of the consent page: go back to the app."""
        follow(self.page.locator("main form button"))

    def sign_in(self, username: str, address: str | None = None) -> None:
        """All the way from the app's first page to its area."""
        self.open_app(address)
        self.press_sign_in()
        self.give_password(username)
        self.decide("allow")
        self.page.wait_for_url((address or self.demo.app) + "/")

    def withdraw_consents(self) -> None:
        """On the account page: take back what was agreed to, so that the next test is asked again."""
        self.page.goto(self.demo.issuer + "/account")
        withdraw = self.page.locator("form[action$=withdraw] button")
        while withdraw.count():
            follow(withdraw.first)
            self.page.wait_for_url("**/account?done=withdrawn")

    def see_area(self, area: str) -> None:
        """Be in an area of the app: `anonymous`, `minor` or `adult`."""
        expect(self.page.locator("main")).to_have_attribute("data-area", area)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(self.words[f"area_{area}"])

    def see_message(self, word: str) -> None:
        """Be on a page of the app that says something."""
        expect(self.page.locator("main")).to_have_attribute("data-message", word)
        expect(self.page.get_by_text(self.words[word])).to_be_visible()

    def shown(self, element_id: str) -> str:
        """The text of an element of the app."""
        return self.page.locator(f"#{element_id}").inner_text()

    def look(self, name: str) -> None:
        """Keep a picture of the whole page, which must not be wider than the window."""
        self.page.wait_for_load_state()
        wider = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{self.page.url} is {wider} px too wide"
        self.page.screenshot(path=self._screenshots / f"{name}-{self._variant}.png", full_page=True)

    def assert_stayed_at_home(self) -> None:
        """No request left loopback, and no page tried what its own policy forbids."""
        assert self.requests
        abroad = [url for url in self.requests if not _is_loopback(urlsplit(url).hostname)]
        assert abroad == []
        assert self.complaints == []

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _note_console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Refused to" in message.text:
            self.complaints.append(message.text)


def _is_loopback(host: str | None) -> bool:
    return host in ("127.0.0.1", "localhost") or (host or "").endswith(".localhost")
