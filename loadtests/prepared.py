"""What a locust run needs beforehand: people with passwords, an app, and codes that were minted for it.

Made on the machine of the server (`python -m loadtests.prepare`), read by every locust worker.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.contestant import Codes


@dataclass(frozen=True, slots=True)
class App:
    """A registered confidential client."""

    client_id: str
    client_secret: str
    redirect_uri: str


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
        )

    def share(self, index: int, of: int) -> "Prepared":
        """What worker `index` (from 0) of `of` may use: no code is in two shares; people sign in anywhere."""
        return Prepared(self.app, self.people, _slice(self.exchange, index, of), _slice(self.refresh, index, of))


def _slice(codes: Codes, index: int, of: int) -> Codes:
    return Codes(codes.client_id, codes.client_secret, codes.redirect_uri, codes.codes[index::of])
