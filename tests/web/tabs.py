"""Tabs of a real browser on pages that are really served, and what is seen of a page there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Page, expect

from idp.domain.client import Client
from tests.chromium import follow
from tests.need import INTEROP
from tests.web.conftest import Pages, request_of
from tests.web.visitor import PASSWORD

PHONE, DESKTOP = {"width": 320, "height": 640}, {"width": 1280, "height": 900}


@dataclass
class Tab:
    """A browser tab that notes requests to elsewhere and complaints of the console."""

    page: Page
    issuer: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def authorize(self, client: Client, **changes: str | None) -> None:
        self.page.goto(f"{self.issuer}/authorize?{urlencode(request_of(client, **changes))}")

    def sign_in(self, username: str) -> None:
        self.page.fill("#username", username)
        self.page.fill("#password", PASSWORD)
        self.follow("main button[type=submit]")

    def follow(self, selector: str) -> None:
        """Click what leads to another page, and wait until that is loaded."""
        follow(self.page.locator(selector))


@contextmanager
def tab_on(chromium: Browser, served: Pages, **context: Any) -> Iterator[Tab]:
    """A tab of a browser of its own."""
    opened: BrowserContext = chromium.new_context(**context)
    tab = Tab(opened.new_page(), served.provider.issuer)
    tab.page.on("request", lambda request: tab.requests.append(request.url))
    tab.page.on("console", lambda message: tab.complaints.append(message.text) if message.type == "error" else None)
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    try:
        yield tab
    finally:
        opened.close()


CORNERS = {"en": [(PHONE, "light"), (DESKTOP, "dark")], "zh-Hans": [(PHONE, "dark")]}
SMALL_CONTROLS = """
[...document.querySelectorAll('button, select, input:not([type=hidden]):not([hidden])')]
    .filter(control => control.getBoundingClientRect().height < 44).map(control => control.outerHTML)
"""
VIOLATIONS = """
axe.run().then(result => result.violations.map(found => [found.id, found.nodes.map(node => node.html)]))
"""


@dataclass
class Looks:
    """What one page was seen to be: its language, widths that did not fit, small controls, what axe found."""

    language: str | None
    too_wide: list[int] = field(default_factory=list)
    small_controls: list[str] = field(default_factory=list)
    violations: list[Any] = field(default_factory=list)


@cache
def _axe() -> str | None:
    file = INTEROP / "node_modules" / "axe-core" / "axe.min.js"
    return file.read_text("utf-8") if file.exists() else None


def look_at(page: Page, mark: str, scene: str, language: str, pictures: Path) -> Looks:
    """The page that has `mark`, on a telephone and a desk, light and dark; a picture of each goes to `pictures`."""
    expect(page.locator(mark), f"not the page of {scene}").to_have_count(1)
    page.wait_for_load_state()
    seen, rules = Looks(page.get_attribute("html", "lang")), _axe()
    for viewport, colours in ((PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")):
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=colours)
        page.screenshot(path=pictures / f"{scene}-{language}-{viewport['width']}-{colours}.png", full_page=True)
        width = page.evaluate("document.documentElement.scrollWidth")
        seen.too_wide += [width] if width > viewport["width"] else []
        seen.small_controls += page.evaluate(SMALL_CONTROLS)
        # Rules depend on colours and width, not on the language: each language takes opposite corners.
        if rules is not None and (viewport, colours) in CORNERS[language]:
            page.evaluate(rules)
            seen.violations += page.evaluate(VIOLATIONS)
    return seen
