"""Every screen of the wallet at 320 px and wide, light and dark, in both languages: fit, controls, axe, pictures."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import ViewportSize

from tests.need import INTEROP, need
from tests.wallet.conftest import BATCH, NewPerson, Person
from tests.wallet.control import Stage
from tests.wallet.stub_issuer import marking_key

PHONE, DESKTOP = ViewportSize(width=320, height=640), ViewportSize(width=1280, height=900)
Colours = Literal["light", "dark"]
LOOKS: tuple[tuple[ViewportSize, Colours], ...] = ((PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"))
SMALL_CONTROLS = """
[...document.querySelectorAll('button, input, textarea')]
    .filter(control => control.getBoundingClientRect().height < 44).map(control => control.outerHTML)
"""
VIOLATIONS = "axe.run().then(result => result.violations.map(found => [found.id, found.nodes.map(node => node.html)]))"


class Gallery:
    """Looks at one screen after the other."""

    def __init__(self, person: Person, directory: Path, rules: str) -> None:
        self._person = person
        self._directory = directory
        self._rules = rules
        self.seen: set[str] = set()

    def look(self, name: str) -> None:
        page = self._person.page
        self.seen.add(name)
        assert page.locator("h1").count() == 1
        assert page.title() == f"{page.inner_text('h1')} · Blindage"
        assert page.get_attribute("html", "lang") == self._person.language
        for viewport, colours in LOOKS:
            page.set_viewport_size(viewport)
            page.emulate_media(color_scheme=colours)
            picture = f"{name}-{self._person.language}-{viewport['width']}-{colours}.png"
            page.screenshot(path=self._directory / picture, full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], picture
            assert page.evaluate(SMALL_CONTROLS) == [], picture
            if viewport is PHONE:
                page.evaluate(self._rules)
                assert page.evaluate(VIOLATIONS) == [], picture


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_every_screen_fits_320_px_and_passes_axe(
    actors: Stage, new_person: NewPerson, wallet_screenshots: Path, language: str
) -> None:
    need("node")
    rules = (INTEROP / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
    person = new_person(language, complains=True)
    gallery = Gallery(person, wallet_screenshots, rules)
    actors.door.app_name = "Sunny Garden 阳光花园"

    person.come_from_app("a-rather-long-name-of-a-garden.games.example.org")
    person.see("title_setup")
    gallery.look("setup-for-an-app")
    person.open_wallet()
    person.see("title_setup")
    gallery.look("setup")
    person.press("had_wallet")
    person.see("title_restore")
    person.page.fill("#code", "ABCD-EFGH")
    person.press("restore")
    person.see_error("code_wrong")
    gallery.look("restore")
    person.press("back")
    person.see("title_setup")
    person.press("with_code")
    person.see("title_code")
    gallery.look("code")
    person.press("back")
    person.see("title_setup")
    _write_down_slowly(person, gallery)
    person.see("title_home")
    gallery.look("home-empty")

    person.come_from_app()
    person.see("title_present")
    gallery.look("present-none")
    person.open_wallet()
    actors.issuer.shows = actors.issuer.signs = marking_key()
    person.press("fill")
    person.see_error("key_not_logged")
    gallery.look("home-refused-key")
    actors.reset()
    person.press("fill")
    person.see_tokens(BATCH)
    gallery.look("home")
    person.press("forget")
    person.see("title_forget")
    gallery.look("forget")

    actors.door.app_name = "Sunny Garden 阳光花园"
    person.come_from_app()
    person.see("title_present")
    gallery.look("present")
    actors.door.demo = True
    person.come_from_app("very.long.sector.name.that.does.not.break.by.itself.example")
    person.see("title_present")
    gallery.look("present-demo")
    actors.door.failing.extend([503, 503, 503])
    person.press("present")
    person.see_error("door_unreachable")
    gallery.look("present-failed")
    assert len(gallery.seen) == 13


def _write_down_slowly(person: Person, gallery: Gallery) -> None:
    person.press("with_code")
    person.see("title_code")
    person.press("code_noted")
    person.see("title_confirm")
    gallery.look("confirm")
    person.press("back")
    person.see("title_code")
    groups = person.page.locator(".code li").all_inner_texts()
    person.press("code_noted")
    person.see("title_confirm")
    labels = person.page.locator("#main label").all_inner_texts()
    numbers = [int("".join(letter for letter in label if letter.isdigit())) for label in labels]
    for control, number in zip(person.page.locator("#main input").all(), numbers, strict=True):
        control.fill(groups[number - 1].lower())
    person.press("confirm")


def test_the_page_says_what_to_do_while_it_loads_and_without_scripts(
    new_person: NewPerson, wallet_screenshots: Path
) -> None:
    person = new_person(java_script_enabled=False, viewport=PHONE)
    person.open_wallet()
    assert "has JavaScript turned off" in " ".join(person.page.inner_text("main").split())
    assert "关闭了 JavaScript" in person.page.inner_text("main")
    person.page.screenshot(path=wallet_screenshots / "no-scripts.png", full_page=True)
