"""The registration endpoints as apps and registrars use them, with a fetcher that counts instead of fetching."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from werkzeug.test import TestResponse

from idp.domain.age import Assurance
from idp.domain.client import OPERATOR
from idp.domain.errors import FetchRefused
from idp.protocol.client_key_sets import ClientKeySets
from idp.protocol.initial_access import InitialAccess, admit_registrar
from idp.services.accounts import create_account
from idp.services.client_review import review_client
from idp.services.evidence import record_evidence
from idp.web.metrics import NoMetrics
from idp.wsgi import build_application
from tests.app import ADULT, App, Person, make_app
from tests.relying_party import RelyingParty
from tests.web.visitor import PASSWORD

Answer = TypeVar("Answer")
JSON = "application/json"
SERVER_FIELDS = (
    "registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at",
)  # fmt: skip


@dataclass
class CountingFetcher:
    """An `idp.domain.ports.Fetcher` that leads nowhere: documents by address, and everything it was asked."""

    documents: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get(self, url: str) -> bytes:
        """The document a test has put there; 404 for everything else."""
        self.asked.append(url)
        if url not in self.documents:
            raise FetchRefused("bad_status", "the answer is not 200")
        return self.documents[url]

    def post(self, url: str, body: bytes, content_type: str) -> int:
        """Counted, and taken."""
        self.asked.append(url)
        return 200


@dataclass
class Desk:
    """An issuer's registration endpoint."""

    app: App
    fetcher: CountingFetcher
    _hosts: Iterator[int]

    def post(self, document: object, token: str | None = None, **options: Any) -> TestResponse:
        """POST /register with any JSON, or with bytes as they are."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        path = f"{self.app.base}/register"
        return self.app.send("POST", path, headers=headers, **{"body": body, "content_type": JSON, **options})

    def ask(self, token: str | None = None, **members: Any) -> TestResponse:
        """Register a plain app on a host of its own, with some members changed; None leaves one out."""
        wanted = {"redirect_uris": [f"https://{self.fresh_host()}/callback"], **members}
        return self.post({name: value for name, value in wanted.items() if value is not None}, token)

    def registered(self, token: str | None = None, **members: Any) -> "RegisteredApp":
        """The same where it must succeed."""
        answer = self.ask(token, **members)
        assert answer.status_code == 201, answer.text
        assert isinstance(answer.json, dict)
        return RegisteredApp(self, answer.json)

    def initial_token(self, registrar: str = OPERATOR, seconds: int = 3600, require_pkce: bool = True) -> str:
        """A token as `blindage client initial-access-token` makes it."""
        access = InitialAccess(registrar, self.app.clock.now() + seconds, require_pkce)
        return admit_registrar(self.app.provider, access)

    def fresh_host(self) -> str:
        """A host that no other app has."""
        return f"app-{next(self._hosts)}.example"

    def tester(self) -> Person:
        """An adult whose account may try apps that are not reviewed."""
        username = f"tester-{next(self._hosts)}"
        account = create_account(self.app.provider.realm, username, PASSWORD, tester=True)
        record_evidence(
            self.app.provider.realm, username, date.fromisoformat(ADULT), "in_person", Assurance.STANDARD
        )  # fmt: skip
        return Person(account, self.app.browser())


@dataclass
class RegisteredApp:
    """An app that registered itself. `information` is the answer it got, with its credentials."""

    desk: Desk
    information: dict[str, Any]

    @property
    def id(self) -> str:
        """Its client_id."""
        client_id = self.information["client_id"]
        assert isinstance(client_id, str)
        return client_id

    @property
    def path(self) -> str:
        """The path of its client configuration endpoint."""
        return urlsplit(self.information["registration_client_uri"]).path

    @property
    def metadata(self) -> dict[str, Any]:
        """What it puts back when nothing is to change: all that was returned, server fields and secret aside."""
        left_out = (*SERVER_FIELDS, "client_secret")
        return {name: value for name, value in self.information.items() if name not in left_out}

    @property
    def state(self) -> str:
        """Its state in the database."""
        return self.party().client.state.value

    def send(self, method: str, document: object = None, token: str | None = None, **options: Any) -> TestResponse:
        """A request to its client configuration endpoint, with its registration access token or another."""
        token = token if token is not None else self.information["registration_access_token"]
        if document is not None:
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            options = {"body": body, "content_type": JSON, **options}
        headers = {"Authorization": f"Bearer {token}"}
        return self.desk.app.send(method, self.path, **{"headers": headers, **options})

    def put(self, **changes: Any) -> TestResponse:
        """Put its metadata back with changes; None leaves a member out."""
        wanted: Mapping[str, Any] = {**self.metadata, **changes}
        return self.send("PUT", {name: value for name, value in wanted.items() if value is not None})

    def changed(self, **changes: Any) -> dict[str, Any]:
        """The same where it must succeed."""
        answer = self.put(**changes)
        assert answer.status_code == 200, answer.text
        assert isinstance(answer.json, dict)
        return answer.json

    def review(self, owner: str | None = None) -> None:
        """What `blindage client review` does."""
        review_client(self.desk.app.provider.realm, self.desk.app.provider.fetcher, self.id, owner)

    def party(self) -> RelyingParty:
        """The app at the other endpoints, as it is registered now."""
        app = self.desk.app
        client = app.provider.realm.store.read(lambda tx: tx.clients.current(self.id))
        assert client is not None
        return RelyingParty(app, client, self.information.get("client_secret"))


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    """Run calls on threads that start together; their answers in order."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@contextmanager
def open_desk(data_dir: Path, **settings: Any) -> Iterator[Desk]:
    """An issuer whose only way out is a `CountingFetcher`."""
    app = make_app(data_dir, **settings)
    fetcher = CountingFetcher()
    provider = replace(app.provider, fetcher=fetcher, client_keys=ClientKeySets(fetcher, app.clock.now))
    application = build_application(provider, app.settings, NoMetrics())
    try:
        yield Desk(replace(app, provider=provider, application=application), fetcher, app._numbers)
    finally:
        provider.realm.store.close()
