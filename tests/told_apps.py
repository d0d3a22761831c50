"""An issuer on loopback whose apps really listen: what they are told, as they receive it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from idp.domain.session import Session
from idp.protocol.delivery import Deliverer
from tests.app import App, Person, running_app
from tests.listening_app import ListeningApp, Received, listening_app
from tests.relying_party import RelyingParty

ISSUER = "http://127.0.0.1:9000"


@dataclass
class ToldApps:
    """`app` is the issuer, `server` where all its apps listen, each at paths of its own."""

    app: App
    server: ListeningApp
    deliverer: Deliverer

    def register(self, name: str, **metadata: Any) -> RelyingParty:
        """An app that wants logout tokens at `/<name>/logout` and events at `/<name>/events`, as far as it says so.

        `logout`, `sid`, `events`: which of them it registers.
        """
        wanted = {
            "backchannel_logout_uri": self.server.url(f"/{name}/logout") if metadata.pop("logout", False) else None,
            "backchannel_logout_session_required": metadata.pop("sid", False),
            "security_event_endpoint": self.server.url(f"/{name}/events") if metadata.pop("events", False) else None,
        }
        self.server.answers.setdefault(f"/{name}/logout", (200, {}, b""))
        self.server.answers.setdefault(f"/{name}/events", (202, {}, b""))
        callback = f"https://{name}.example/callback"
        return self.app.register_client(name=name, redirect_uris=(callback,), **wanted, **metadata)

    def deliver(self) -> int:
        """What the server's delivery does once a second."""
        return self.deliverer.deliver_due()

    def logouts(self, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Header and claims of the logout tokens an app has received, signatures checked."""
        return [self.app.verified(logout_token(request)) for request in self.server.at(f"/{name}/logout")]

    def events(self, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Header and claims of the security event tokens an app has received, signatures checked."""
        return [self.app.verified(request.body.decode("ascii")) for request in self.server.at(f"/{name}/events")]

    def id_token(self, party: RelyingParty, person: Person, **changes: str | None) -> dict[str, Any]:
        """Sign a person in; the ID token's claims."""
        return self.app.verified(party.tokens(person, **changes)["id_token"])[1]

    def session(self, person: Person) -> Session:
        """The session of the person's browser, as the issuer keeps it."""
        sessions = self.app.provider.realm.store.read(lambda tx: tx.sessions.of_account(person.account.id))
        return max((one for one in sessions if one.revoked_at is None), key=lambda one: one.created_at)

    def waiting(self, party: RelyingParty) -> list[tuple[str, int, int | None]]:
        """The messages that wait for an app: kind, tries, next try."""
        return list(self.app.provider.realm.store.read(lambda tx: tx.outbox.of_client(party.id)))


def logout_token(request: Received) -> str:
    """The one parameter of a back-channel logout request."""
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    form = parse_qs(request.body.decode("ascii"), strict_parsing=True)
    assert set(form) == {"logout_token"} and len(form["logout_token"]) == 1
    return form["logout_token"][0]


@contextmanager
def apps_of(app: App) -> Iterator[ToldApps]:
    """A fresh server of apps for an issuer on loopback; what earlier tests left undelivered is forgotten."""
    store = app.provider.realm.store
    for message in store.write(lambda tx: tx.outbox.claim_due(2**33, 2**33, 10_000)):
        store.write(lambda tx, message=message: tx.outbox.delivered(message[0]))
    deliverer = Deliverer(app.provider)
    try:
        with listening_app() as server:
            yield ToldApps(app, server, deliverer)
    finally:
        deliverer.close()


@contextmanager
def told_apps(data_dir: Path, **settings: Any) -> Iterator[ToldApps]:
    """An issuer of its own and the server of its apps."""
    with running_app(data_dir, ISSUER, **settings) as app, apps_of(app) as told:
        yield told
