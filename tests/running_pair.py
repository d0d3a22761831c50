"""Account issuer and door as two servers on this machine, each with its own data, and a wallet that visits them."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from crypto.encoding import b64url_encode
from crypto.pkce import challenge_of
from tests.issuer import PASSWORD, FormBrowser, Issuer, running_issuer
from tests.server_process import free_port
from tests.veiled import presentation_of, presented_fields


@dataclass
class Pair:
    """Two running servers. Clients of the door are registered with `door.register(..., "--grant", ...)`."""

    account: Issuer
    door: Issuer


@contextmanager
def running_pair(directory: Path, workers: int = 1, **settings: str) -> Iterator[Pair]:
    """Start both; the door is ready once it has seen the key log. `settings` are the account issuer's.

    The door's own begin with DOOR_: `DOOR_DATABASE_URL`.
    """
    port = free_port()
    door_issuer = f"http://localhost:{port}"
    own = {name.removeprefix("DOOR_"): value for name, value in settings.items() if name.startswith("DOOR_")}
    rest = {name: value for name, value in settings.items() if not name.startswith("DOOR_")}
    with running_issuer(directory / "account", workers=workers, DOOR_ISSUER=door_issuer, **rest) as account:
        log_key = account.run("tokens", "log", "--json")["verifier_key"]
        with running_issuer(
            directory / "door", port=port, workers=workers, ROLE="door", ISSUER=door_issuer,
            ACCOUNT_ISSUER=account.url, TOKEN_LOG_KEY=log_key, **own,
        ) as door:  # fmt: skip
            yield Pair(account, door)


def wallet_token(pair: Pair, username: str) -> str:
    """An access token of scope age_tokens, got as the wallet gets it."""
    redirect_uri = f"{pair.door.url}/wallet"
    verifier, state = (b64url_encode(secrets.token_bytes(32)) for _ in range(2))
    parameters = {
        "response_type": "code", "response_mode": "fragment", "client_id": "wallet", "redirect_uri": redirect_uri,
        "scope": "age_tokens", "state": state, "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }  # fmt: skip
    with FormBrowser(pair.account.url) as browser:
        page = browser.get(f"{pair.account.url}/authorize?{urlencode(parameters)}")
        page = browser.post(page, {"username": username, "password": PASSWORD})
        if not page.is_redirect:
            page = browser.post(page, {"decision": "allow"})
    answer = parse_qs(urlsplit(page.headers["location"]).fragment)
    assert answer["state"] == [state]
    form = {
        "grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": redirect_uri,
        "client_id": "wallet", "code_verifier": verifier,
    }  # fmt: skip
    told = httpx.post(f"{pair.account.url}/token", data=form)
    assert told.status_code == 200, told.text
    return str(told.json()["access_token"])


@dataclass
class DoorVisit:
    """A browser without scripts at the door, and the wallet's part done in Python."""

    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def __enter__(self) -> "DoorVisit":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def present(self, authorize: str, token: bytes) -> Any:
        """From an app's address to the door's answer."""
        page = self.client.get(authorize)
        assert page.status_code == 200, page.text
        shown = presentation_of(page)
        fields = presented_fields(self.seed, shown, token)
        answer = self.client.post(
            shown["present"], data={"csrf": shown["csrf"], "request": shown["request"], **fields}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()
