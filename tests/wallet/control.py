"""The stubs together, and the address at which a Node test sets and reads their state."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.crypto.token_keys import token_key
from tests.wallet.key_log import KeyLog
from tests.wallet.loopback import Answer, Asked, LoopbackServer, running
from tests.wallet.stub_door import StubDoor
from tests.wallet.stub_issuer import StubIssuer, marking_key


@dataclass
class Stage:
    """An account issuer, a door and an app, running."""

    issuer: StubIssuer
    door: StubDoor

    def change(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """What a Node test asks for; the state afterwards."""
        issuer, door = self.issuer, self.door
        if wanted.get("reset"):
            self.reset()
        issuer.failing.update(wanted.get("issuer_failing", {}))
        issuer.answers_lost = wanted.get("issuer_answers_lost", issuer.answers_lost)
        issuer.declines = wanted.get("issuer_declines", issuer.declines)
        door.failing.extend(wanted.get("door_failing", []))
        door.answers_lost = wanted.get("door_answers_lost", door.answers_lost)
        if wanted.get("issuer_shows_unlogged_key"):
            issuer.shows = issuer.signs = marking_key()
        if "issuer_marks" in wanted:
            issuer.signs = marking_key() if wanted["issuer_marks"] else token_key()
        if wanted.get("issuer_forgets"):
            issuer.log = KeyLog().add(issuer.leaf).sign()
        sectors = wanted.get("sectors", [""] * wanted.get("requests", 0))
        return {
            "requests": [door.request(sector) for sector in sectors],
            "spent": len(door.spent),
            "subjects": door.subjects,
            "presented": sum(asked.path == "/present" for asked in door.server.asked),
            "charged": issuer.charged,
            "paths": [asked.path for asked in issuer.server.asked],
            "issuer_heard": b"".join(asked.as_bytes() for asked in issuer.server.asked).decode("latin-1"),
        }

    def reset(self) -> None:
        """As new, at the same addresses."""
        for old, new in ((self.issuer, StubIssuer()), (self.door, StubDoor(self.issuer, batch=self.door.batch))):
            kept = {name: getattr(old, name) for name in ("server", "app", "issuer") if hasattr(old, name)}
            old.__dict__.update({**new.__dict__, **kept})
        self.issuer.server.asked.clear()
        self.door.server.asked.clear()
        self.door.app.asked.clear()
        self.issuer.redirect_uri = f"{self.door.server.url}/wallet"


@contextmanager
def stage(batch: int) -> Iterator[Stage]:
    """All three on loopback until the block is left."""
    issuer = StubIssuer()
    door = StubDoor(issuer, batch=batch)
    with ExitStack() as servers:
        for server in (issuer.server, door.server, door.app):
            servers.enter_context(running(server))
        issuer.redirect_uri = f"{door.server.url}/wallet"
        yield Stage(issuer, door)


@contextmanager
def controlled(actors: Stage) -> Iterator[str]:
    """The address of the control."""

    def answer(asked: Asked) -> Answer:
        state = actors.change(json.loads(asked.body))
        return Answer(200, json.dumps(state).encode(), {"Content-Type": "application/json"})

    with running(LoopbackServer("127.0.0.1", answer)) as server:
        yield server.url
