"""The pages in real Chromium: the way to the app under the CSP, 320 px, light and dark, accessibility, pictures."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser

from idp.composition import compose
from idp.domain.client import Category, Client, Manifest
from idp.services.password_work import PasswordWork
from idp.settings import read_settings
from idp.web.pages.application import create_pages
from tests.clock import FixedClock
from tests.need import need
from tests.server_process import free_port
from tests.serving import serving
from tests.web.conftest import CHEAP, Pages, request_of
from tests.web.tabs import PHONE, Looks, Tab, look_at, tab_on
from tests.web.visitor import PASSWORD


@dataclass
class App:
    """A tiny app that remembers what it was brought."""

    url: str
    answers: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/callback":
            posted = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
            brought = parse_qs(posted or environ["QUERY_STRING"])
            self.answers.append({name: values[0] for name, values in brought.items()})
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"<title>app</title><link rel=icon href=data:,>the app"]


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    port = free_port()
    app = App(f"http://app.localhost:{port}")
    with serving(app, port):
        yield app


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The pages on a real port."""
    port, clock = free_port(), FixedClock()
    environment = {"BLINDAGE_DATA_DIR": str(tmp_path_factory.mktemp("served"))}
    provider = compose(read_settings(environment, f"http://127.0.0.1:{port}"), clock)
    provider = replace(provider, realm=replace(provider.realm, passwords=PasswordWork(2, 64, CHEAP)))
    pages = Pages(create_pages(provider), provider, clock)
    try:
        with serving(pages.app, port):
            yield pages
    finally:
        provider.realm.store.close()


@pytest.fixture(scope="module")
def client(served: Pages, app: App) -> Client:
    manifest = Manifest(purpose="To open the right garden: one for minors, one for adults.", retention="One year.")
    return served.app_client(
        name="Sunny Garden 阳光花园",
        redirect_uris=(f"{app.url}/callback",),
        manifest=manifest,
        policy_uri="https://garden.example/privacy",
        tos_uri="https://garden.example/terms",
    )


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("kind", ["adult", "minor"])
def test_the_whole_way_to_the_app(
    chromium: Browser, served: Pages, app: App, client: Client, kind: str, javascript: bool
) -> None:
    person = served.person(kind)
    with tab_on(chromium, served, java_script_enabled=javascript) as tab:
        tab.authorize(client)
        tab.sign_in(person.username)
        tab.follow("button[value=allow]")
        tab.page.wait_for_url(f"{app.url}/callback?**")
        assert set(app.answers[-1]) == {"code", "state", "iss"}
        assert tab.complaints == []
        origins = {"{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in tab.requests}
        assert origins == {served.provider.issuer, app.url}


def test_refusing_brings_access_denied_to_the_app(chromium: Browser, served: Pages, app: App, client: Client) -> None:
    person = served.person()
    with tab_on(chromium, served) as tab:
        tab.authorize(client)
        tab.sign_in(person.username)
        tab.follow("button[value=deny]")
        tab.page.wait_for_url(f"{app.url}/callback?**")
        assert app.answers[-1]["error"] == "access_denied"
        assert tab.complaints == []


@pytest.mark.parametrize("javascript", [True, False])
def test_form_post_goes_by_itself_or_by_the_button(
    chromium: Browser, served: Pages, app: App, client: Client, javascript: bool
) -> None:
    person = served.person()
    before = len(app.answers)
    with tab_on(chromium, served, java_script_enabled=javascript) as tab:
        tab.authorize(client, response_mode="form_post", state='"><script>alert(1)</script>')
        tab.page.on("dialog", lambda dialog: tab.complaints.append(dialog.message))
        tab.sign_in(person.username)
        tab.follow("button[value=allow]")
        if not javascript:
            assert len(app.answers) == before
            tab.follow("main button")
        tab.page.wait_for_url(f"{app.url}/callback")
        assert set(app.answers[-1]) == {"code", "state", "iss"}
        assert app.answers[-1]["state"] == '"><script>alert(1)</script>'
        assert tab.complaints == []


def test_a_request_posted_by_the_app_finds_the_person_signed_in(
    chromium: Browser, served: Pages, app: App, client: Client
) -> None:
    person = served.person()
    with tab_on(chromium, served) as tab:
        tab.authorize(client)
        tab.sign_in(person.username)
        tab.follow("button[value=allow]")
        tab.page.wait_for_url(f"{app.url}/callback?**")
        inputs = "".join(
            f'<input name="{name}" value="{value}">'
            for name, value in request_of(client, prompt="none", state="posted").items()
        )
        form = f'<form method="post" action="{served.provider.issuer}/authorize">{inputs}</form>'
        tab.page.evaluate("html => { document.body.innerHTML = html; document.forms[0].submit() }", form)
        tab.page.wait_for_url("**/callback?code=**state=posted**")
        assert "code" in app.answers[-1] and app.answers[-1]["state"] == "posted"


def test_a_form_of_another_site_signs_nobody_out(chromium: Browser, served: Pages, app: App) -> None:
    person = served.person()
    with tab_on(chromium, served) as tab:
        tab.page.goto(f"{served.provider.issuer}/sign-in")
        tab.sign_in(person.username)
        tab.page.goto(f"{app.url}/")
        form = f'<form method="post" action="{served.provider.issuer}/logout"></form>'
        tab.page.evaluate("html => { document.body.innerHTML = html; document.forms[0].submit() }", form)
        tab.page.wait_for_url("**/logout*")
        tab.page.goto(f"{served.provider.issuer}/account")
        assert person.username in tab.page.content()


def test_a_page_cannot_be_framed(chromium: Browser, served: Pages, app: App) -> None:
    with tab_on(chromium, served) as tab:
        tab.page.goto(f"{app.url}/")
        with tab.page.expect_console_message(lambda said: "frame-ancestors" in said.text):
            tab.page.set_content(f'<iframe src="{served.provider.issuer}/sign-in"></iframe>')
        [frame] = tab.page.frames[1:]
        frame.wait_for_url("chrome-error://**")
        assert "password" not in frame.content()


SCENES = {
    "sign_in": "#username",
    "sign_in_wrong": "#problem",
    "sign_up": "#password-hint",
    "consent": "button[value=allow]",
    "age_unknown": "ol li:first-child",
    "guardian": "ol li:first-child",
    "curfew": "p.note",
    "account": "#new-password",
    "reset": "#code",
    "recovery_codes": "ol.recovery",
    "passkeys": "h1 ~ p.aside",
    "error": "code",
}
"""Kinds of pages, and what only that page has."""


def _scene(name: str, tab: Tab, served: Pages, client: Client, scene_people: dict[str, str], language: str) -> None:
    """Bring a tab to one kind of page."""
    page, wish = tab.page, {"ui_locales": language}
    if name == "error":
        page.goto(f"{tab.issuer}/authorize?client_id=nobody&ui_locales={language}")
        return
    if name == "reset":
        page.goto(f"{tab.issuer}/reset?lang={language}")
        return
    if name == "curfew":
        client = served.app_client(name="Dragons", category=Category.GAME, redirect_uris=client.redirect_uris)
    tab.authorize(client, prompt="consent", **wish)
    if name == "sign_in":
        return
    if name == "sign_up":
        tab.follow("p.aside a[href*=sign-up]")
        return
    if name == "sign_in_wrong":
        page.fill("#username", "nobody")
        page.fill("#password", "wrong")
        tab.follow("main button[type=submit]")
        return
    kind = {"age_unknown": "none", "guardian": "child", "curfew": "minor"}.get(name, "adult")
    tab.sign_in(scene_people[kind])
    if name in ("account", "recovery_codes", "passkeys"):
        tab.follow("button[value=allow]")
        page.wait_for_url("**/callback?**")
        page.goto(f"{tab.issuer}/account?lang={language}")
    if name == "recovery_codes":
        page.fill("#recovery-password", PASSWORD)
        tab.follow("form[action$=recovery-codes] button")
    if name == "passkeys":
        tab.follow("section[aria-labelledby=passkeys] a")


@pytest.fixture(scope="module")
def scene_people(served: Pages) -> dict[str, str]:
    """One person of each kind."""
    kinds = {"adult": "adult", "minor": "minor", "child": "child", "none": None}
    return {name: served.person(kind).username for name, kind in kinds.items()}


@pytest.fixture(scope="module")
def looks(
    chromium: Browser, served: Pages, client: Client, scene_people: dict[str, str], screenshots_dir: Path
) -> Callable[[str, str], Looks]:
    """Each page is brought up once, however many tests ask."""
    @cache
    def look(scene: str, language: str) -> Looks:
        with tab_on(chromium, served, viewport=PHONE, color_scheme="light", locale="en") as tab:
            _scene(scene, tab, served, client, scene_people, language)
            return look_at(tab.page, SCENES[scene], scene, language, screenshots_dir)

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
