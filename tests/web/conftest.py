"""Pages on a real store: SQLite in a temporary folder, a clock that only the test moves."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from urllib.parse import urlencode

import pytest
from flask import Flask

from crypto.passwords import PasswordCost
from idp.composition import compose
from idp.domain.account import Account
from idp.domain.age import Assurance
from idp.domain.client import Category, Client, ClientState
from idp.domain.consent import Consent, Giver
from idp.domain.identifiers import new_id
from idp.protocol.provider import Provider
from idp.services.accounts import create_account
from idp.services.clients import register_client
from idp.services.evidence import record_evidence
from idp.services.password_work import PasswordWork
from idp.settings import read_settings
from idp.web.pages.application import create_pages
from tests.clock import FixedClock
from tests.web.visitor import ISSUER, PASSWORD, Visitor

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
REDIRECT_URI = "https://app.example/callback"
CHEAP = PasswordCost(opslimit=1, memlimit=8 * 1024)
BIRTH_DATES = {"adult": date(1990, 5, 17), "minor": date(2010, 5, 17), "child": date(2015, 5, 17)}
_numbers = count(1)


@dataclass
class Pages:
    """Everything a page test works with."""

    app: Flask
    provider: Provider
    clock: FixedClock

    def visitor(self) -> Visitor:
        """A fresh browser."""
        return Visitor(self.app, self.provider.issuer)

    def person(self, kind: str | None = "adult", tester: bool = False) -> Account:
        """An account of an adult, a minor of 15, a child of 10, or (None) of someone whose age is not known."""
        username = f"person-{next(_numbers)}"
        account = create_account(self.provider.realm, username, PASSWORD, tester)
        if kind is not None:
            record_evidence(self.provider.realm, username, BIRTH_DATES[kind], "in_person", Assurance.STANDARD)
        return account

    def app_client(self, **metadata: object) -> Client:
        """A registered client; `state` active unless said otherwise."""
        draft = Client(
            id="", name="Garden", state=ClientState.ACTIVE, created_at=0, redirect_uris=(REDIRECT_URI,), sector=""
        )
        return register_client(self.provider.realm, replace(draft, **metadata)).client

    def game(self) -> Client:
        """A client that minors may use within the curfew only."""
        return self.app_client(name="Dragons", category=Category.GAME)

    def guardian_agrees(self, account: Account, client: Client) -> None:
        """What a guardian's own page will do."""
        now = self.clock.now()
        consent = Consent(
            new_id(now), account.id, client.id, client.scope, frozenset(), client.manifest.version, Giver.GUARDIAN, now
        )
        self.provider.realm.store.write(lambda tx: tx.consents.give(consent), account.id)

    def signed_in(self, account: Account) -> Visitor:
        """A browser in which this person is signed in."""
        visitor = self.visitor()
        assert visitor.sign_in(account.username).status_code == 303
        return visitor


def authorize_url(client: Client, **changes: str | None) -> str:
    """An /authorize address as an app makes it; None leaves a parameter out."""
    return f"/authorize?{urlencode(request_of(client, **changes))}"


def request_of(client: Client, **changes: str | None) -> dict[str, str]:
    """The parameters of an authorization request."""
    parameters: dict[str, str | None] = {
        "client_id": client.id,
        "redirect_uri": client.redirect_uris[0],
        "response_type": "code",
        "scope": "openid age",
        "state": "st-é-1",
        "nonce": "n-1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in parameters.items() if value is not None}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """One issuer on http loopback for the tests of a module."""
    yield from _pages(tmp_path_factory, ISSUER)


@pytest.fixture(scope="module")
def https_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The same on https, as in production."""
    yield from _pages(tmp_path_factory, "https://id.example")


def _pages(tmp_path_factory: pytest.TempPathFactory, issuer: str) -> Iterator[Pages]:
    clock = FixedClock()
    environment = {"BLINDAGE_DATA_DIR": str(tmp_path_factory.mktemp("pages"))}
    provider = compose(read_settings(environment, issuer), clock)
    realm = replace(provider.realm, passwords=PasswordWork(width=2, queue=64, cost=CHEAP))
    provider = replace(provider, realm=realm)
    try:
        yield Pages(create_pages(provider), provider, clock)
    finally:
        provider.realm.store.close()
