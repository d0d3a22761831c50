"""The pages of staff in real Chromium: 320 px, both languages, accessibility, without JavaScript; a real passkey."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from crypto import totp
from idp.composition import compose
from idp.domain.client import Client, ClientState, Manifest
from idp.domain.staff import StaffRole
from idp.services.password_work import PasswordWork
from idp.services.staff import add_staff
from idp.settings import read_settings
from idp.web.pages.application import create_pages
from tests.clock import FixedClock
from tests.need import need
from tests.server_process import free_port
from tests.serving import serving
from tests.web.conftest import CHEAP, Pages
from tests.web.staff import EVERY_ROLE, secret_on
from tests.web.tabs import PHONE, Looks, Tab, look_at, tab_on
from tests.web.visitor import PASSWORD

AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
SCENES = {
    "ops_sign_in": "#username",
    "ops_sign_in_wrong": "#problem",
    "ops_enrol": "#secret",
    "ops_factor_wrong": "#problem",
    "ops_home": "h1",
    "ops_apps": "nav .choices",
    "ops_app": "#registered",
    "ops_records": "#case",
    "ops_record": "dl",
    "ops_trail": "ol.trail",
    "ops_keys": "form[action$=rotate]",
    "ops_passkeys": "h1",
    "ops_role": "h1",
}
"""Kinds of pages, and what each has."""


class _Text:
    def __init__(self, text: str) -> None:
        self.text = text


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The pages on a real port, under a name: browsers make no passkeys for addresses."""
    port, clock = free_port(), FixedClock()
    environment = {"BLINDAGE_DATA_DIR": str(tmp_path_factory.mktemp("served"))}
    provider = compose(read_settings(environment, f"http://localhost:{port}"), clock)
    provider = replace(provider, realm=replace(provider.realm, passwords=PasswordWork(2, 64, CHEAP)))
    pages = Pages(create_pages(provider), provider, clock)
    try:
        with serving(pages.app, port):
            yield pages
    finally:
        provider.realm.store.close()


@pytest.fixture(scope="module")
def waiting(served: Pages) -> Client:
    manifest = Manifest(
        1, "To open the right garden: one for minors, one for adults.", "It picks the garden, and forgets.", "One day.",
        "Everybody", "privacy@garden.example", "2026-01",
    )  # fmt: skip
    client = served.app_client(name="Sunny Garden 阳光花园", manifest=manifest, policy_uri="https://garden.example/privacy")
    served.provider.realm.store.write(lambda tx: tx.clients.set_state(client.id, ClientState.PENDING))
    return client


class _Member:
    """A member of staff who signs in with a real browser."""

    def __init__(self, served: Pages, tab: Tab, name: str, *roles: Any) -> None:
        self.served, self.tab, self.name = served, tab, name
        self.secret = b""
        add_staff(served.provider.realm, name, roles or EVERY_ROLE, PASSWORD)

    def password(self, language: str = "en") -> None:
        page = self.tab.page
        page.goto(f"{self.tab.issuer}/ops/sign-in?lang={language}")
        page.fill("#username", self.name)
        page.fill("#password", PASSWORD)
        self.tab.follow("main button[type=submit]")

    def enrol(self) -> None:
        page = self.tab.page
        self.secret = secret_on(_Text(page.content()))  # type: ignore[arg-type]
        page.fill("#code", totp.code_at(self.secret, totp.step_at(self.served.clock.now())))
        self.tab.follow("form:has(#code) button")
        page.wait_for_url(f"{self.tab.issuer}/ops")

    def leave(self) -> None:
        self.tab.follow("form[action$=sign-out] button")
        self.tab.page.wait_for_url("**/ops/sign-in?done=signed_out")


@contextmanager
def _member(chromium: Browser, served: Pages, name: str, *roles: Any, **context: Any) -> Iterator[_Member]:
    with tab_on(chromium, served, **context) as tab:
        yield _Member(served, tab, name, *roles)


@pytest.mark.parametrize("javascript", [True, False])
def test_staff_sign_in_and_review_an_app(
    chromium: Browser, served: Pages, waiting: Client, javascript: bool
) -> None:
    with _member(chromium, served, f"reviewer-{javascript}", java_script_enabled=javascript) as member:
        page, store = member.tab.page, served.provider.realm.store
        store.write(lambda tx: tx.clients.set_state(waiting.id, ClientState.PENDING))
        member.password()
        member.enrol()
        member.tab.follow("text=Apps and what they declare")
        member.tab.follow(f"a[href*='{waiting.id}']")
        expect(page.locator("#registered")).to_have_count(1)
        assert "privacy@garden.example" in page.content()
        member.tab.follow("text=Reviewed: let everybody in")
        page.wait_for_url("**done=reviewed")
        assert "The app is reviewed" in page.content()
        kept = store.read(lambda tx: tx.clients.current(waiting.id))
        assert kept is not None and kept.state is ClientState.ACTIVE
        assert member.tab.complaints == []
        assert all(url.startswith(member.tab.issuer) for url in member.tab.requests)


def test_staff_sign_in_with_a_passkey_after_the_password(chromium: Browser, served: Pages) -> None:
    with _member(chromium, served, "with-a-key") as member:
        page = member.tab.page
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        member.password()
        member.enrol()
        page.goto(f"{member.tab.issuer}/ops/passkeys")
        page.click("#passkey button")
        page.wait_for_url("**/ops/passkeys?done=added")
        page.goto(f"{member.tab.issuer}/ops")
        member.leave()
        member.password()
        page.click("#passkey button")
        page.wait_for_url(f"{member.tab.issuer}/ops")
        assert "with-a-key" in page.content()
        # Not recognised: the key alone is not enough.
        member.leave()
        devtools.send(
            "WebAuthn.setUserVerified", {"authenticatorId": made["authenticatorId"], "isUserVerified": False}
        )
        member.password()
        page.click("#passkey button")
        page.wait_for_selector("#passkey-problem:not([hidden])")
        page.goto(f"{member.tab.issuer}/ops")
        assert page.url.endswith("/ops/factor")
        assert member.tab.complaints == []


def _scene(name: str, member: _Member, served: Pages, waiting: Client, person: str) -> Page:
    """Bring a tab to one kind of page."""
    page, issuer, follow = member.tab.page, member.tab.issuer, member.tab.follow
    if name == "ops_sign_in":
        return page
    if name == "ops_sign_in_wrong":
        page.fill("#username", "nobody")
        page.fill("#password", "wrong")
        follow("main button[type=submit]")
        return page
    page.fill("#username", member.name)
    page.fill("#password", PASSWORD)
    follow("main button[type=submit]")
    if name == "ops_enrol":
        return page
    member.enrol()
    if name == "ops_factor_wrong":
        language = page.get_attribute("html", "lang") or "en"
        member.leave()
        member.password(language)
        page.fill("#code", "000000")
        follow("form:has(#code) button")
        return page
    if name == "ops_apps":
        served.provider.realm.store.write(lambda tx: tx.clients.set_state(waiting.id, ClientState.PENDING))
    path = {
        "ops_apps": "/ops/apps", "ops_app": f"/ops/apps/app?client={waiting.id}", "ops_records": "/ops/records",
        "ops_record": "/ops/records", "ops_trail": "/ops/trail", "ops_keys": "/ops/keys",
        "ops_passkeys": "/ops/passkeys", "ops_home": "/ops", "ops_role": "/ops/trail",
    }[name]  # fmt: skip
    page.goto(issuer + path)
    if name == "ops_record":
        page.fill("#username", person)
        page.select_option("#reason", "guardian")
        page.fill("#case", "2026/17")
        follow("form:has(#case) button")
    return page


@pytest.fixture(scope="module")
def looks(
    chromium: Browser, served: Pages, waiting: Client, screenshots_dir: Path
) -> Callable[[str, str], Looks]:
    """Each page is brought up once, however many tests ask."""
    person = served.person("child").username

    @cache
    def look(scene: str, language: str) -> Looks:
        roles = (StaffRole.OFFICER,) if scene == "ops_role" else ()
        context = {"viewport": PHONE, "color_scheme": "light", "locale": "en"}
        with _member(chromium, served, f"{scene}-{language}", *roles, **context) as member:
            member.tab.page.goto(f"{member.tab.issuer}/ops/sign-in?lang={language}")
            page = _scene(scene, member, served, waiting, person)
            return look_at(page, SCENES[scene], scene, language, screenshots_dir)

    return look


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_each_page_fits_320_px_with_controls_of_44_px(
    looks: Callable[[str, str], Looks], scene: str, language: str
) -> None:
    seen = looks(scene, language)
    assert (seen.language, seen.too_wide, seen.small_controls) == (language, [], [])


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_axe_finds_nothing(looks: Callable[[str, str], Looks], scene: str, language: str) -> None:
    need("node")
    assert looks(scene, language).violations == []
