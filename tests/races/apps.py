"""Apps that race: servers for one issuer, a signed-in person, and codes as fast as /authorize gives them."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from crypto.pkce import challenge_of
from tests.issuer import FormBrowser, Issuer, callback_parameters, running_issuer
from tests.races.barrier import Answer, Connection

CALLBACK = "http://127.0.0.1:8999/callback"
NO_LIMITS = {"RATE_LIMITS": "off"}


@dataclass(frozen=True)
class Code:
    """An authorization code and the PKCE verifier that goes with it."""

    value: str
    verifier: str


class RacingApp:
    """A client whose one person is signed in and has agreed: every /authorize answers with a code at once."""

    def __init__(self, issuer: Issuer, servers: Sequence[str], *options: str, username: str = "racer") -> None:
        registered = issuer.register(CALLBACK, *options)
        self.issuer = issuer
        self.servers = servers
        self.client_id = registered["client_id"]
        self.secret: str | None = registered["client_secret"]
        self.browser = FormBrowser(issuer.url)
        issuer.person(username, "1990-05-17")
        self.browser.sign_in(self._authorize(_verifier(), "openid age"), username)

    def codes(self, count: int, scope: str = "openid age") -> list[Code]:
        """Fresh codes; each is good for 60 s."""
        made = []
        for _ in range(count):
            verifier = _verifier()
            page = self.browser.client.get(self._authorize(verifier, scope))
            made.append(Code(callback_parameters(page)["code"], verifier))
        return made

    def connections(self, racers: int) -> list[Connection]:
        """One connection a racer, servers in turn."""
        return [Connection(self.servers[number % len(self.servers)], self.issuer.url) for number in range(racers)]

    def redeem(self, connection: Connection, code: Code) -> Answer:
        """Exchange a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code.value,
            "redirect_uri": CALLBACK,
            "code_verifier": code.verifier,
        }
        return self._token(connection, form)

    def refresh(self, connection: Connection, token: str) -> Answer:
        """Use a refresh token."""
        return self._token(connection, {"grant_type": "refresh_token", "refresh_token": token})

    def authorize_url(self, **more: str) -> str:
        """The address that asks for a code of `openid age`."""
        return f"{self._authorize(_verifier(), 'openid age')}&{urlencode(more)}"

    def close(self) -> None:
        """Close the person's browser."""
        self.browser.client.close()

    def _token(self, connection: Connection, form: dict[str, str]) -> Answer:
        if self.secret is None:
            return connection.post("/token", {**form, "client_id": self.client_id})
        return connection.post("/token", form, (self.client_id, self.secret))

    def _authorize(self, verifier: str, scope: str) -> str:
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        return f"{self.issuer.url}/authorize?{urlencode(parameters)}"


@contextmanager
def two_servers(directory: Path, database_url: str, **settings: str) -> Iterator[tuple[Issuer, list[str]]]:
    """Two server processes for one issuer on one PostgreSQL; the issuer and both addresses."""
    shared = {"DATABASE_URL": database_url, **NO_LIMITS, **settings}
    with ExitStack() as stack:
        first = stack.enter_context(running_issuer(directory / "a", **shared))
        ring = first.data_dir / "master-key.json"
        second = stack.enter_context(
            running_issuer(
                directory / "b", ISSUER=first.url, MASTER_KEY_FILE=str(ring), **shared
            )
        )
        yield first, [first.url, f"http://127.0.0.1:{second.server.port}"]


def _verifier() -> str:
    return secrets.token_urlsafe(48)


