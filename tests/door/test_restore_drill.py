"""The drill of docs/veiled.md at real servers: the door's PostgreSQL is lost, an old backup comes back (C19)."""

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from crypto.pkce import challenge_of
from crypto.privacy_pass_challenge import TokenChallenge
from idp.composition import compose
from idp.protocol.door.door import server_name_of
from idp.settings import read_settings
from tests.issuer import Issuer, running_issuer
from tests.postgresql import PostgresCluster
from tests.races.apps import CALLBACK, NO_LIMITS
from tests.server_process import free_port
from tests.veiled import mint_tokens, presentation_of, presented_fields


class Door:
    """A door of two processes on PostgreSQL that can be stopped and started again; its account issuer runs on."""

    def __init__(self, account: Issuer, directory: Path, database_url: str, port: int) -> None:
        self.account, self.url = account, f"http://localhost:{port}"
        self._directory, self._port = directory, port
        self._settings = {
            "ROLE": "door", "ISSUER": self.url, "ACCOUNT_ISSUER": account.url, "DATABASE_URL": database_url,
            "TOKEN_LOG_KEY": account.run("tokens", "log", "--json")["verifier_key"], **NO_LIMITS,
        }  # fmt: skip

    @contextmanager
    def running(self) -> Iterator[tuple[Issuer, list[str]]]:
        """Both processes, ready; the first, and the addresses of both."""
        with ExitStack() as stack:
            first = stack.enter_context(running_issuer(self._directory / "a", port=self._port, **self._settings))
            ring = str(self._directory / "a" / "master-key.json")
            second = stack.enter_context(
                running_issuer(self._directory / "b", MASTER_KEY_FILE=ring, **self._settings)
            )
            yield first, [f"http://127.0.0.1:{self._port}", f"http://127.0.0.1:{second.server.port}"]

    def tokens(self, count: int) -> list[bytes]:
        """Tokens of adults, signed with the issuer's key of the moment."""
        names = {name: value for name, value in self.account.environment.items() if name.startswith("BLINDAGE_")}
        provider = compose(read_settings(names, self.account.url), exclusive=False)
        try:
            challenge = TokenChallenge(2, server_name_of(self.account.url), b"", server_name_of(self.url))
            return [token.to_bytes() for token in mint_tokens(provider, challenge, count)]
        finally:
            provider.realm.store.close()

    def show(self, servers: Sequence[str], client_id: str, tokens: Sequence[bytes]) -> list[tuple[int, str]]:
        """Show each for a request of its own, at the processes in turn: status, and error where there is one."""
        parameters = {
            "response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "scope": "openid age",
            "code_challenge": challenge_of(secrets.token_urlsafe(48)), "code_challenge_method": "S256",
        }  # fmt: skip
        host = {"Host": self.url.removeprefix("http://")}
        answers = []
        with httpx.Client(timeout=30, headers=host) as client:
            for token, server in zip(tokens, cycle(servers)):
                page = client.get(f"{server}/authorize?{urlencode(parameters)}")
                shown = presentation_of(page)
                form = {"csrf": shown["csrf"], "request": shown["request"]}
                form |= presented_fields(secrets.token_bytes(32), shown, token)
                cookie = page.headers["Set-Cookie"].partition(";")[0]
                client.cookies.clear()
                answer = client.post(f"{server}/present", data=form, headers={"Cookie": cookie})
                answers.append((answer.status_code, json.loads(answer.text).get("error", "")))
        return answers


def _copy(cluster: PostgresCluster, source: str, target: str) -> None:
    """A database as it is, byte for byte; nobody may be connected to it."""
    names = [url.rpartition("/")[2] for url in (target, source)]
    cluster.drop_database(target)
    cluster.execute('CREATE DATABASE "{}" TEMPLATE "{}"'.format(*names))


@pytest.mark.long
def test_1000_tokens_spent_since_the_backup_are_refused_after_the_rotation(
    postgres_cluster: PostgresCluster, tmp_path: Path
) -> None:
    cluster = postgres_cluster
    port, database, backup = free_port(), cluster.create_database(), cluster.create_database()
    with running_issuer(tmp_path / "account", DOOR_ISSUER=f"http://localhost:{port}") as account:
        door = Door(account, tmp_path, database, port)
        with door.running() as (first, _):
            client_id = first.register(CALLBACK)["client_id"]
        _copy(cluster, database, backup)
        tokens = door.tokens(1000)
        with door.running() as (_, servers):
            assert set(door.show(servers, client_id, tokens)) == {(200, "")}
            assert set(door.show(servers, client_id, tokens[:10])) == {(400, "invalid_token")}
        # The loss: what is left is the backup.
        _copy(cluster, backup, database)
        with door.running() as (_, servers):
            # Why the manual says to rotate before the door serves again.
            assert set(door.show(servers, client_id, tokens[:3])) == {(200, "")}
        assert len(account.run("tokens", "rotate", "--after-restore", "--json")["revoked"]) == 2
        with door.running() as (first, servers):
            assert set(door.show(servers, client_id, tokens)) == {(400, "invalid_token")}
            # The standby has taken over.
            assert door.show(servers, client_id, door.tokens(1)) == [(200, "")]
            first.run("fsck", "--json")
    cluster.drop_database(backup)
    cluster.drop_database(database)
