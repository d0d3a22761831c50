"""The whole issuer in one process: the real WSGI application on SQLite, a clock that stands, a browser, people, apps.

Nothing is replaced but the time and the cost of passwords. Every machine request comes from an address of its own
unless the test names one, so that limits by address bite only where a test wants them to.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import KeySet
from werkzeug.test import Client as WsgiClient
from werkzeug.test import TestResponse

from crypto.passwords import PasswordCost
from idp.composition import compose
from idp.domain.account import Account
from idp.domain.age import Assurance
from idp.domain.client import Client, ClientState
from idp.domain.consent import Consent, Giver
from idp.domain.identifiers import new_id
from idp.protocol.provider import Provider
from idp.services.accounts import create_account
from idp.services.clients import register_client
from idp.services.evidence import record_evidence
from idp.services.password_work import PasswordWork
from idp.settings import Settings, read_settings
from idp.web.metrics import NoMetrics
from idp.wsgi import Application, build_application
from tests.clock import FixedClock
from tests.relying_party import RelyingParty
from tests.web.visitor import PASSWORD, Visitor

ISSUER = "https://id.example"
ADULT, MINOR, CHILD = "1990-05-17", "2010-05-17", "2015-05-17"
FORM = "application/x-www-form-urlencoded"
ALGORITHMS = ("RS256", "ES256", "EdDSA")
CHEAP = PasswordCost(opslimit=1, memlimit=8 * 1024)


class Browser(Visitor):
    """A visitor of the whole application, machine endpoints included."""

    def __init__(self, application: Application, issuer: str) -> None:
        self.issuer = origin_of(issuer)
        self.client = WsgiClient(application)

    def complete(self, response: TestResponse, username: str, decision: str = "allow") -> TestResponse:
        """Fill sign-in and consent pages as they come; the answer that leads away, or a page without such a form."""
        for _ in range(4):
            response = self.follow(response)
            if response.status_code == 200 and 'name="password"' in response.text:
                response = self.submit(response, {"username": username, "password": PASSWORD})
            elif response.status_code == 200 and 'name="decision"' in response.text:
                response = self.submit(response, {"decision": decision})
            else:
                return response
        raise AssertionError("the pages go round in circles")


@dataclass
class Person:
    """Somebody with an account, and the browser they always use."""

    account: Account
    browser: Browser

    @property
    def username(self) -> str:
        """What this person signs in with."""
        return self.account.username


@dataclass
class App:
    """A running issuer. `settings` are those of a process; `provider` and `application` are what they make."""

    provider: Provider
    application: Application
    clock: FixedClock
    settings: Settings
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def issuer(self) -> str:
        """The exact `iss`."""
        return self.provider.issuer

    @property
    def origin(self) -> str:
        """Scheme and host of the issuer."""
        return origin_of(self.issuer)

    @property
    def base(self) -> str:
        """The issuer's own path, usually empty."""
        return urlsplit(self.issuer).path

    def browser(self) -> Browser:
        """A fresh browser."""
        return Browser(self.application, self.issuer)

    def person(self, birthdate: str | None = ADULT, assurance: Assurance = Assurance.STANDARD) -> Person:
        """An account with the usual password; with a birth date also recorded evidence."""
        username = f"person-{next(self._numbers)}"
        account = create_account(self.provider.realm, username, PASSWORD)
        if birthdate is not None:
            record_evidence(self.provider.realm, username, date.fromisoformat(birthdate), "in_person", assurance)
        return Person(account, self.browser())

    def signed_in(self, birthdate: str | None = ADULT) -> Person:
        """A person who is signed in already."""
        person = self.person(birthdate)
        assert person.browser.sign_in(person.username).status_code == 303
        return person

    def register_client(self, **changes: Any) -> RelyingParty:
        """An active client on a host of its own, confidential with client_secret_basic unless said otherwise."""
        callback = f"https://app{next(self._numbers)}.example/callback"
        draft = Client(
            id="", name="Garden", state=ClientState.ACTIVE, created_at=0, redirect_uris=(callback,), sector=""
        )
        registered = register_client(self.provider.realm, replace(draft, **changes))
        return RelyingParty(self, registered.client, registered.secret)

    def guardian_agrees(self, person: Person, app: RelyingParty) -> None:
        """What a guardian's own page does."""
        now, client = self.clock.now(), app.client
        consent = Consent(
            new_id(now), person.account.id, client.id, client.scope, frozenset(), 1, Giver.GUARDIAN, now
        )  # fmt: skip
        self.provider.realm.store.write(lambda tx: tx.consents.give(consent), person.account.id)

    def send(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | list[tuple[str, str]] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        body: bytes | None = None,
        content_type: str = FORM,
        peer: str | None = None,
    ) -> TestResponse:
        """One request of a program. Headers go in as a server would put them there, whatever bytes they hold."""
        data = urlencode(form).encode() if form is not None else body
        lines = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()}
        return WsgiClient(self.application, use_cookies=False).open(
            path,
            base_url=self.origin,
            method=method,
            query_string=query,
            data=data,
            content_type=content_type if data is not None else None,
            environ_overrides={"REMOTE_ADDR": peer or self.fresh_address(), **lines},
        )

    def fresh_address(self) -> str:
        """An address that no limit has seen: a /64 of its own."""
        return f"2001:db8:{next(self._numbers):x}::1"

    def json(self, path: str) -> Any:
        """A document that must be there."""
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json

    def verified(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a JWT of ours, checked by another library against the published keys."""
        keys = KeySet.import_key_set(self.json(f"{self.base}/jwks"))
        with warnings.catch_warnings():
            # RFC 9864 renames EdDSA; OpenID providers go on advertising it under the old name.
            warnings.simplefilter("ignore", SecurityWarning)
            read = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        return dict(read.header), dict(read.claims)


def origin_of(url: str) -> str:
    """Scheme and authority of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def make_app(data_dir: Path, issuer: str = ISSUER, clock: FixedClock | None = None, **settings: Any) -> App:
    """Compose an issuer as `blindage serve` does, with a still clock and cheap passwords."""
    clock = clock or FixedClock()
    exclusive = settings.pop("exclusive", True)
    read = replace(read_settings({"BLINDAGE_DATA_DIR": str(data_dir)}, issuer), **settings)
    provider = compose(read, clock, exclusive)
    realm = replace(provider.realm, passwords=PasswordWork(width=2, queue=64, cost=CHEAP))
    provider = replace(provider, realm=realm)
    return App(provider, build_application(provider, read, NoMetrics()), clock, read)


@contextmanager
def running_app(data_dir: Path, issuer: str = ISSUER, **settings: Any) -> Iterator[App]:
    """An issuer whose store is closed at the end."""
    app = make_app(data_dir, issuer, **settings)
    try:
        yield app
    finally:
        app.provider.realm.store.close()
