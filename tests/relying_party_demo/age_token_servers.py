"""A running account issuer, the demo app with its gate beside it, and people who fetch age tokens for it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.privacy_pass import TOKEN_TYPE_BLIND_RSA, Token
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_directory import IssuerDirectory
from relying_party_demo.configuration import DeviceConfiguration, server_name_of
from relying_party_demo.device_flow import DeviceFlow
from relying_party_demo.token_client import SCOPE, TokenClient, Wanted
from tests.issuer import PASSWORD, FormBrowser, Issuer, running_issuer
from tests.server_process import ServerProcess, free_port, start_server

ADULT, MINOR = ("token-adult", "1990-05-17"), ("token-minor", "2011-05-17")


@dataclass
class Servers:
    """`night` is the gated page; `client_id` that of the program in the terminal."""

    issuer: Issuer
    app: ServerProcess
    client_id: str
    log_key: str

    @property
    def origin(self) -> str:
        """The app as challenges name it."""
        return f"app.localhost:{self.app.port}"

    @property
    def night(self) -> str:
        """The page behind the gate."""
        return f"http://{self.origin}/night"

    @property
    def environment(self) -> dict[str, str]:
        """What the program in the terminal is told."""
        told = {"DEMO_ISSUER": self.issuer.url, "DEMO_CLIENT_ID": self.client_id, "DEMO_TOKEN_LOG_KEY": self.log_key}
        return {**os.environ, **told}

    def challenge(self, origin: str = "") -> TokenChallenge:
        """What tokens for this app answer, or those for another one."""
        return TokenChallenge(TOKEN_TYPE_BLIND_RSA, server_name_of(self.issuer.url), b"", origin or self.origin)

    def look(self, authorization: str | None = None) -> httpx.Response:
        """One request to the gate, as bare as it can be."""
        headers = {"Host": self.origin, **({} if authorization is None else {"Authorization": authorization})}
        return httpx.get(f"http://127.0.0.1:{self.app.port}/night", headers=headers, timeout=30)

    def approve(self, user_code: str, username: str) -> None:
        """Somebody opens the address, types in the code, signs in and agrees."""
        with FormBrowser(self.issuer.url) as browser:
            page = browser.post(browser.get(f"{self.issuer.url}/device"), {"user_code": user_code})
            if 'name="password"' in page.text:
                page = browser.post(page, {"username": username, "password": PASSWORD})
            assert "anonymous age tokens" in page.text and "pseudonym" not in page.text
            page = browser.post(page, {"decision": "allow"})
            assert page.status_code == 200 and "/device?done=" in str(page.url)

    def access_token(self, person: tuple[str, str]) -> str:
        """One of scope age_tokens, from the device flow; somebody has answered before the first poll."""
        username = self.issuer.person(*person)
        flow = DeviceFlow(
            DeviceConfiguration(self.issuer.url, self.client_id, None, ""), sleep=lambda _: None, scope=SCOPE,
            device_type=None,
        )  # fmt: skip
        codes = flow.begin("en")
        self.approve(codes.user_code, username)
        return flow.wait_for_access_token(codes)

    def tokens(self, access_token: str, count: int, origin: str = "", directory: str = "") -> list[Token]:
        """Tokens for this app or another origin, signed with the first key of a directory (the adult one)."""
        path = directory or "/.well-known/private-token-issuer-directory"
        listed = IssuerDirectory.from_json(httpx.get(self.issuer.url + path).content).token_keys[0]
        key = BlindRsaPublicKey.from_spki(listed.token_key)
        client = TokenClient(self.issuer.url, self.log_key)
        return client.fetch(Wanted(self.challenge(origin), None), key, access_token, count)


@contextmanager
def running_servers(directory: Path) -> Iterator[Servers]:
    """The issuer serves tokens since a door is named; the door itself is not needed."""
    with running_issuer(directory / "account", DOOR_ISSUER=f"http://localhost:{free_port()}") as issuer:
        registered = issuer.run(
            "client", "register", "--name", "Token program", "--grant", "device_code", "--auth-method", "none",
            "--application-type", "native", "--scope", "age_tokens", "--json",
        )  # fmt: skip
        log_key = issuer.run("tokens", "log", "--json")["verifier_key"]
        told = {
            "DEMO_ISSUER": issuer.url, "DEMO_CLIENT_ID": "unused", "DEMO_CLIENT_SECRET": "unused",
            "DEMO_SPENT_TOKENS": str(directory / "spent.sqlite"),
        }  # fmt: skip

        def command(port: int) -> list[str]:
            # The port is free only once it is known: the app's own address follows from it.
            return [sys.executable, "-m", "relying_party_demo", "--port", str(port)]

        app = start_server(command, _ready, directory / "app.log", env={**os.environ, **told})
        try:
            yield Servers(issuer, app, registered["client_id"], log_key)
        finally:
            app.stop()


def _ready(port: int) -> bool:
    """The gate has the issuer's keys. While the first knock waits for them, it sends the others away (503)."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/night", timeout=10).status_code == 401
    except httpx.HTTPError:
        return False
