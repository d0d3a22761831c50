"""The wallet in Firefox, driven over its own protocol: policy, published vectors, a running pair of servers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.crypto.token_keys import published
from tests.firefox import Firefox, running_firefox
from tests.issuer import PASSWORD
from tests.need import need
from tests.running_pair import Pair, running_pair
from tests.wallet.conftest import BATCH
from tests.wallet.control import Stage
from tests.wallet.integrity import WALLET
from tests.wallet.loopback import Answer, LoopbackServer, running
from tests.wallet.stub_issuer import marking_key

SINGLE = (
    "pp-ts_pub_verif_rfc9578.go.json", "pp-ts_pub_verif_rfc9578.rust.json", "pp-rs_public_go.json",
    "pp-rs_public_rs.json", "privacypass_ts_type_0x0002.json",
)  # fmt: skip
WORDS = "(await import('/wallet/strings.mjs')).wordsIn(document.documentElement.lang)"


@pytest.fixture(scope="module")
def _running_firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with running_firefox(need("firefox"), tmp_path_factory.mktemp("firefox")) as browser:
        yield browser


@pytest.fixture
def firefox(_running_firefox: Firefox) -> Firefox:
    """As with a fresh profile."""
    _running_firefox.become_as_new()
    return _running_firefox


def see(firefox: Firefox, name: str) -> None:
    """Be on the screen with this heading, and nothing under way."""
    firefox.wait(f"document.querySelector('h1')?.textContent === {WORDS}[given[0]]", name)
    firefox.wait("!document.querySelector('#main').hasAttribute('aria-busy')")


def press(firefox: Firefox, name: str) -> None:
    firefox.click_button(firefox.wait(f"{WORDS}[given[0]]", name))


def see_error(firefox: Firefox, code: str) -> None:
    firefox.wait("document.querySelector('[role=alert]')?.dataset.code === given[0]", code)
    shown = firefox.run("return document.querySelector('[role=alert]').textContent")
    assert shown == firefox.run(f"return {WORDS}.errors[given[0]]", code)


def see_tokens(firefox: Firefox, count: int) -> None:
    firefox.wait("document.querySelector('.count strong')?.textContent === given[0]", str(count))


def write_down_code(firefox: Firefox) -> None:
    see(firefox, "title_setup")
    press(firefox, "with_code")
    see(firefox, "title_code")
    groups = firefox.run("return [...document.querySelectorAll('.code li')].map((one) => one.textContent)")
    press(firefox, "code_noted")
    see(firefox, "title_confirm")
    labels = "[...document.querySelectorAll('#main label')]"
    for field, label in firefox.run(f"return {labels}.map((one) => [one.htmlFor, one.textContent])"):
        firefox.type(f"#{field}", groups[int(re.sub(r"\D", "", label)) - 1])
    press(firefox, "confirm")


def test_firefox_runs_the_wallet_under_its_policy_and_takes_no_html(actors: Stage, firefox: Firefox) -> None:
    door = actors.door.server.url
    firefox.open(f"{door}/wallet")
    see(firefox, "title_setup")
    assert firefox.complaints(door) == []
    refused = firefox.run(
        """const told = new Promise((resolve) => addEventListener("securitypolicyviolation", (event) => {
            if (event.effectiveDirective === "require-trusted-types-for") resolve();
        }));
        const attempts = [
            () => { document.body.innerHTML = "<b>x</b>" },
            () => { document.createElement("script").src = "https://other.example/x.js" },
            () => {
                const script = document.createElement("script");
                script.textContent = "globalThis.ran = true";
                document.body.append(script);
                if (!globalThis.ran) throw new Error("did not run");
            },
        ];
        const refused = attempts.filter((attempt) => { try { attempt(); return false } catch { return true } }).length;
        await told;
        return refused;"""
    )
    assert refused == 3


@pytest.mark.parametrize("name", ["wallet.mjs", "blind_rsa.mjs", "key_log.mjs"])
def test_firefox_does_not_run_a_file_changed_on_the_way(actors: Stage, firefox: Firefox, name: str) -> None:
    actors.door.changed[name] = (WALLET / name).read_bytes() + b"\nglobalThis.wasChanged = true;\n"
    door = actors.door.server.url
    firefox.open(f"{door}/wallet")
    firefox.wait("document.readyState === 'complete'")
    [refused] = firefox.complaints(door)
    assert "integrity" in refused and f"{door}/wallet/{name}" in refused
    assert firefox.run("return globalThis.wasChanged ?? null") is None
    assert firefox.run("return document.querySelectorAll('#main button').length") == 0
    assert "then do not go on" in " ".join(firefox.text().split())


def test_firefox_speaks_the_published_vectors(actors: Stage, firefox: Firefox) -> None:
    (rsa,) = (one for one in published("rfc9474_blind_rsa.json") if one["name"] == "RSABSSA-SHA384-PSS-Deterministic")
    factor = pow(int(rsa["inv"], 16), -1, int(rsa["n"], 16))
    issuances = [vector for name in SINGLE for vector in published(name)]
    firefox.open(f"{actors.door.server.url}/wallet")
    see(firefox, "title_setup")
    script = (Path(__file__).parent / "vectors_in_page.js").read_text()
    known = {**rsa, "factor": f"{factor:0512x}"}
    assert firefox.run(script, known, issuances) == 1 + len(issuances) == 26
    # And the test can tell: a vector with another answer does not count.
    wrong = {**issuances[0], "token_request": issuances[1]["token_request"]}
    assert firefox.run(script, known, [wrong]) == 1


def test_firefox_that_keeps_nothing_is_told_so(actors: Stage, firefox: Firefox) -> None:
    firefox.set_preference("network.cookie.cookieBehavior", 2)
    firefox.open(f"{actors.door.server.url}/wallet")
    see_error(firefox, "storage_blocked")
    assert firefox.run("return document.querySelectorAll('#main button').length") == 0


def test_firefox_says_in_chinese_what_the_log_refuses(actors: Stage, firefox: Firefox) -> None:
    firefox.set_preference("intl.accept_languages", "zh-CN,zh,en")
    firefox.open(f"{actors.door.server.url}/wallet")
    write_down_code(firefox)
    see(firefox, "title_home")
    assert firefox.run("return document.documentElement.lang") == "zh-Hans"
    actors.issuer.shows = actors.issuer.signs = marking_key()
    press(firefox, "fill")
    see_error(firefox, "key_not_logged")
    see_tokens(firefox, 0)
    press(firefox, "forget")
    press(firefox, "forget_now")
    see(firefox, "title_setup")


def test_passkey_in_firefox_makes_the_seed_and_brings_it_back(actors: Stage, firefox: Firefox) -> None:
    firefox.set_preference("security.webauth.webauthn_enable_softtoken", True)
    firefox.set_preference("security.webauth.webauthn_enable_usbtoken", False)
    key = firefox.command(
        "WebAuthn:AddVirtualAuthenticator", protocol="ctap2_1", transport="internal", hasResidentKey=True,
        hasUserVerification=True, isUserConsenting=True, isUserVerified=True,
    )  # fmt: skip
    door = actors.door.server.url
    firefox.open(f"{door}/wallet")
    see(firefox, "title_setup")
    press(firefox, "with_passkey")
    for is_new in (True, False):
        see(firefox, "title_home")
        press(firefox, "fill")
        see_tokens(firefox, BATCH)
        firefox.open(f"{door}/authorize?sector=a.example")
        see(firefox, "title_present")
        press(firefox, "present")
        firefox.wait_for_url(f"{actors.door.app.url}/callback")
        if is_new:
            firefox.open(f"{door}/wallet")
            see(firefox, "title_home")
            press(firefox, "forget")
            press(firefox, "forget_now")
            press(firefox, "had_wallet")
            press(firefox, "restore_passkey")
    firefox.command("WebAuthn:RemoveVirtualAuthenticator", authenticatorId=key)
    assert len(actors.door.spent) == 2 and len({key for _, key in actors.door.subjects}) == 1


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    need("firefox")
    with running_pair(tmp_path_factory.mktemp("pair")) as both:
        yield both


@pytest.fixture
def listening() -> Iterator[LoopbackServer]:
    """An app whose redirect URI, `/callback`, answers."""
    page = Answer(200, b"<!doctype html><title>App</title><h1>App</h1>", {"Content-Type": "text/html"})
    with running(LoopbackServer("127.0.0.1", lambda _: page)) as app:
        yield app


def signed_in(
    firefox: Firefox, pair: Pair, app: dict[str, str], listening: LoopbackServer, mode: str
) -> dict[str, Any]:
    """From an app's address to the claims of UserInfo, with one press in the wallet."""
    callback = f"{listening.url}/callback"
    asked = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": callback, "scope": "openid age"}
    asked |= {"response_mode": mode, "code_challenge_method": "S256"}
    # The verifier and challenge of RFC 7636, appendix B.
    asked["code_challenge"] = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    firefox.open(f"{pair.door.url}/authorize?{urlencode(asked)}")
    see(firefox, "title_present")
    press(firefox, "present")
    address = firefox.wait_for_url(callback)
    (answer,) = (one for one in listening.asked if one.path == "/callback")
    assert answer.method == {"query": "GET", "form_post": "POST"}[mode]
    listening.asked.clear()
    # By a form the code stands in no address.
    assert ("code=" in address) == (mode == "query")
    code = answer.query["code"] if mode == "query" else answer.form["code"]
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": callback,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }  # fmt: skip
    told = httpx.post(f"{pair.door.url}/token", data=form, auth=(app["client_id"], app["client_secret"]))
    assert told.status_code == 200, told.text
    bearer = {"Authorization": f"Bearer {told.json()['access_token']}"}
    return dict(httpx.get(f"{pair.door.url}/userinfo", headers=bearer).json())


def test_firefox_fills_at_the_issuer_and_signs_in_at_an_app(
    pair: Pair, firefox: Firefox, listening: LoopbackServer
) -> None:
    person = pair.account.person("firefox-adult", "1990-05-17")
    app = pair.door.register(f"{listening.url}/callback")
    firefox.open(f"{pair.door.url}/wallet")
    write_down_code(firefox)
    see(firefox, "title_home")
    press(firefox, "fill")
    firefox.wait_for_url(pair.account.url)
    firefox.type("input[name=username]", person)
    firefox.type("input[name=password]", PASSWORD)
    firefox.click("form button")
    firefox.wait("document.querySelector('button[value=allow]') !== null")
    firefox.click("button[value=allow]")
    firefox.wait_for_url(f"{pair.door.url}/wallet")
    see_tokens(firefox, BATCH)
    assert firefox.url == f"{pair.door.url}/wallet"
    told = [signed_in(firefox, pair, app, listening, mode) for mode in ("query", "query", "form_post")]
    assert told[0]["age_band"] == "adult" and told[0] == told[1] == told[2]
    firefox.open(f"{pair.door.url}/wallet")
    see_tokens(firefox, BATCH - 3)
    assert firefox.complaints(pair.door.url) == []
