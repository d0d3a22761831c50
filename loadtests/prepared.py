"""What a locust run needs beforehand: people with passwords, an app, and codes that were minted for it.

Made on the machine of the server (`python -m loadtests.prepare`), read by every locust worker.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from loadtests.contestant import Codes, basic


@dataclass(frozen=True, slots=True)
class App:
    """A registered confidential client."""

    client_id: str
    client_secret: str
    redirect_uri: str

    @property
    def authorization(self) -> str:
        """Its `Authorization` header."""
        return basic(self.client_id, self.client_secret)


@dataclass(frozen=True, slots=True)
class Door:
    """The issuer at which tokens are spent, and an app that is registered there."""

    issuer: str
    app: App


@dataclass(frozen=True, slots=True)
class Person:
    """An adult who can sign in."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """All of it. `exchange` codes are each redeemed once; `refresh` codes lead to refresh tokens at the start."""

    app: App
    people: list[Person]
    exchange: Codes
    refresh: Codes
    device: App = App("", "", "")
    door: Door | None = None
    wallet_people: list[Person] = field(default_factory=list)
    """Apart from those that sign in: what one of them may get in an epoch is little."""

    def write(self, file: Path) -> None:
        """Write to a file that only its owner may read: it has passwords and secrets."""
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> "Prepared":
        """Read what `write` wrote."""
        document = json.loads(file.read_text())
        return cls(
            App(**document["app"]),
            [Person(**person) for person in document["people"]],
            Codes(**document["exchange"]),
            Codes(**document["refresh"]),
            App(**document["device"]),
            Door(document["door"]["issuer"], App(**document["door"]["app"])) if document["door"] else None,
            [Person(**person) for person in document["wallet_people"]],
        )

    def share(self, index: int, of: int) -> "Prepared":
        """What worker `index` (from 0) of `of` may use: no code and no wallet is in two; people sign in anywhere."""
        return replace(
            self,
            exchange=_slice(self.exchange, index, of),
            refresh=_slice(self.refresh, index, of),
            wallet_people=self.wallet_people[index::of],
        )


def _slice(codes: Codes, index: int, of: int) -> Codes:
    return Codes(codes.client_id, codes.client_secret, codes.redirect_uri, codes.codes[index::of])
