"""A person adds a passkey, signs out, and comes back with it: real pages, real WebAuthn, a virtual authenticator."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.issuer import PASSWORD, Issuer, running_issuer
from tests.server_process import free_port

AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """An issuer with a name: browsers make no passkeys for addresses."""
    port = free_port()
    data_dir = tmp_path_factory.mktemp("passkeys")
    with running_issuer(data_dir, port=port, ISSUER=f"http://localhost:{port}") as running:
        yield running


@dataclass
class Person:
    """A browser with a virtual authenticator in it."""

    page: Page
    devtools: CDPSession
    authenticator: str
    complaints: list[str] = field(default_factory=list)

    def credentials(self) -> list[dict[str, Any]]:
        """What the authenticator keeps."""
        answer = self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator})
        found: list[dict[str, Any]] = answer["credentials"]
        return found

    def attend(self, present: bool) -> None:
        """Whether the person touches the authenticator when it asks."""
        told = {"authenticatorId": self.authenticator, "enabled": present}
        self.devtools.send("WebAuthn.setAutomaticPresenceSimulation", told)

    def recognised(self, verified: bool) -> None:
        """Whether the authenticator recognises the person."""
        told = {"authenticatorId": self.authenticator, "isUserVerified": verified}
        self.devtools.send("WebAuthn.setUserVerified", told)


@pytest.fixture
def person(chromium: Browser) -> Iterator[Person]:
    context = chromium.new_context(locale="en-GB")
    context.set_default_timeout(15_000)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    person = Person(page, devtools, made["authenticatorId"])
    page.on("console", lambda said: person.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: person.complaints.append(str(error)))
    yield person
    context.close()


def _sign_in_by_password(person: Person, issuer: Issuer, username: str) -> None:
    # Nobody touches the authenticator, so that a suggested passkey does not sign in by itself.
    person.attend(False)
    person.page.goto(f"{issuer.url}/sign-in")
    person.page.fill("#username", username)
    person.page.fill("#password", PASSWORD)
    person.page.click("form:has(#password) button")
    person.page.wait_for_url(f"{issuer.url}/account")
    person.attend(True)


def _add_passkey(person: Person, issuer: Issuer) -> None:
    person.page.goto(f"{issuer.url}/account/passkeys")
    person.page.fill("#current-password", PASSWORD)
    person.page.click("#passkey button")


def _sign_out(person: Person, issuer: Issuer) -> None:
    person.page.goto(f"{issuer.url}/account")
    person.page.click("form[action$=sign-out] button")
    person.page.wait_for_url("**/sign-in?done=signed_out")


def test_a_person_adds_a_passkey_signs_out_and_signs_in_with_it(
    person: Person, issuer: Issuer, screenshots_dir: Path
) -> None:
    username, page = issuer.person("passkey-person", None), person.page
    _sign_in_by_password(person, issuer, username)
    _add_passkey(person, issuer)
    page.wait_for_url("**/account/passkeys?done=added")
    page.screenshot(path=screenshots_dir / "passkeys-en-1280.png", full_page=True)
    [kept] = person.credentials()
    assert kept["rpId"] == "localhost"
    assert kept["isResidentCredential"]
    person.attend(False)
    _sign_out(person, issuer)
    expect(page.locator("#passkey button")).to_be_visible()
    page.screenshot(path=screenshots_dir / "sign-in-passkey-en-1280.png", full_page=True)
    person.attend(True)
    page.click("#passkey button")
    page.wait_for_url(f"{issuer.url}/account")
    expect(page.get_by_text(username).first).to_be_visible()
    assert person.complaints == []


def test_the_passkey_is_among_the_suggestions_of_the_name_field(person: Person, issuer: Issuer) -> None:
    username = issuer.person("suggested-person", None)
    _sign_in_by_password(person, issuer, username)
    _add_passkey(person, issuer)
    person.page.wait_for_url("**/account/passkeys?done=added")
    person.attend(False)
    _sign_out(person, issuer)
    # The virtual authenticator chooses the suggestion as soon as somebody is there; not yet on the page after sign-out.
    person.page.goto("about:blank")
    person.attend(True)
    # It may be there before the page has loaded: only where the person ends up counts.
    person.page.goto(f"{issuer.url}/sign-in", wait_until="commit")
    expect(person.page).to_have_url(f"{issuer.url}/account")
    expect(person.page.get_by_text(username).first).to_be_visible()
    assert person.complaints == []


def test_whoever_the_authenticator_does_not_recognise_stays_outside(person: Person, issuer: Issuer) -> None:
    username, page = issuer.person("recognised-person", None), person.page
    _sign_in_by_password(person, issuer, username)
    _add_passkey(person, issuer)
    page.wait_for_url("**/account/passkeys?done=added")
    person.attend(False)
    _sign_out(person, issuer)
    person.recognised(False)
    person.attend(True)
    page.goto(f"{issuer.url}/sign-in")
    page.click("#passkey button")
    expect(page.locator("#passkey-problem")).to_be_visible()
    page.goto(f"{issuer.url}/account")
    page.wait_for_url("**/sign-in")


def test_without_scripts_the_pages_offer_the_password_alone(chromium: Browser, issuer: Issuer) -> None:
    username = issuer.person("scriptless-person", None)
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{issuer.url}/sign-in")
    expect(page.locator("#passkey")).to_be_hidden()
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.click("form:has(#password) button")
    page.wait_for_url(f"{issuer.url}/account")
    page.goto(f"{issuer.url}/account/passkeys")
    expect(page.locator("#passkey")).to_be_hidden()
    context.close()
