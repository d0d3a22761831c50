"""What the benchmark asks of every server in it: start, prepare authorization codes, say which processes to count."""

import base64
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

from loadtests.process import Program

Kind = Literal["exchange", "refresh", "wallet"]
"""Which client codes are for: one that gets no refresh tokens, one that does, or one that fills itself with tokens."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a server has its endpoints."""

    token: str = "/token"
    userinfo: str = "/userinfo"
    introspection: str = "/introspect"
    jwks: str = "/jwks"
    discovery: str = "/.well-known/openid-configuration"
    token_request: str = ""
    token_key: str = ""


@dataclass(frozen=True, slots=True)
class Codes:
    """Authorization codes that wait for their exchange, each with its PKCE verifier, and their client."""

    client_id: str
    client_secret: str
    redirect_uri: str
    codes: list[tuple[str, str]]

    @classmethod
    def parse(cls, lines: str) -> "Codes":
        """Read JSON lines: the client first, then a code a line."""
        first, *others = (json.loads(line) for line in lines.splitlines() if line)
        return cls(
            first["client_id"], first["client_secret"], first["redirect_uri"],
            [(each["code"], each["code_verifier"]) for each in others],
        )  # fmt: skip

    @property
    def authorization(self) -> str:
        """Its client's `Authorization` header."""
        return basic(self.client_id, self.client_secret)

    def exchanges(self) -> list[str]:
        """A request body for each code (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""
        return [
            urlencode(
                {
                    "grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri,
                    "code_verifier": verifier,
                }
            )
            for code, verifier in self.codes
        ]  # fmt: skip


def basic(client_id: str, client_secret: str) -> str:
    """The `Authorization` header of client_secret_basic (RFC 6749, section 2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


class Contestant(ABC):
    """One server of the benchmark, pinned to the server core while it runs."""

    name: str
    label: str
    paths = Paths()
    algorithm = "ES256"
    """What its ID tokens are signed with."""
    ours = False
    works: tuple[str, ...] | None = None
    """Names of the works it takes part in; None: all. Slow peers need not be measured by everything."""

    program: Program
    address: str

    def missing(self) -> str | None:
        """Why this server cannot run here, or None."""
        return None

    @abstractmethod
    def start(self, directory: Path) -> None:
        """Start with an empty database in `directory` and return when it answers; NotStarted otherwise."""

    @abstractmethod
    def mint(self, count: int, kind: Kind) -> Codes:
        """Authorization codes as the server's own `/authorize` would have made them."""

    def processes(self) -> list[int]:
        """Roots of the processes whose processor time is this server's, its database's included."""
        return [self.program.pid]

    def stop(self) -> None:
        """End what `start` started."""
        self.program.stop()
