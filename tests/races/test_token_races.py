"""Age tokens: the quota is exact and a token is spent once, whoever races for it (threats C02, C18)."""

import http.client
import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.encoding import b64url_decode
from crypto.pkce import challenge_of
from crypto.privacy_pass import TokenRequest
from crypto.privacy_pass_challenge import TokenChallenge
from idp.composition import compose
from idp.domain.age_token import QUOTA
from idp.protocol.door.door import server_name_of
from idp.settings import read_settings
from tests.issuer import Issuer, running_issuer
from tests.races.apps import CALLBACK, NO_LIMITS, two_servers
from tests.races.barrier import Answer, Connection, race
from tests.running_pair import Pair, wallet_token
from tests.server_process import free_port
from tests.veiled import mint_tokens, presentation_of, presented_fields

RACERS = 8
VERIFIER = secrets.token_urlsafe(48)


# --------------------------------------------------------------------------------------------------------------- quota
def _quota_is_exact(tmp_path: Path, postgres_url: str, requests: int, racers: int) -> None:
    """`requests` requests for one token each, all different, by one account at two processes: QUOTA are answered."""
    with two_servers(tmp_path, postgres_url, DOOR_ISSUER="http://localhost:9") as (issuer, servers):
        issuer.run("tokens", "rotate", "--json")
        issuer.person("saver", "1990-05-17")
        token = wallet_token(Pair(issuer, replace(issuer, url="http://localhost:9")), "saver")
        shown = httpx.get(f"{issuer.url}/token-keys/current", headers={"Authorization": f"Bearer {token}"}).json()
        key = BlindRsaPublicKey.from_spki(b64url_decode(shown["key"]))
        turns = iter(range(requests))
        statuses: Counter[int] = Counter()
        lock, barrier = threading.Lock(), threading.Barrier(racers)

        def racer(server: str) -> None:
            connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=60)
            headers = {
                "Host": urlsplit(issuer.url).netloc, "Authorization": f"Bearer {token}",
                "Content-Type": "application/private-token-request",
            }  # fmt: skip
            barrier.wait(60)
            while True:
                with lock:
                    if next(turns, None) is None:
                        break
                # Below every modulus: its first bit is set in each of them.
                blinded = bytes([0x7F]) + secrets.token_bytes(255)
                connection.request(
                    "POST", "/token-request", TokenRequest(key.truncated_token_key_id, blinded).to_bytes(), headers
                )
                answer = connection.getresponse()
                answer.read()
                with lock:
                    statuses[answer.status] += 1
            connection.close()

        threads = [threading.Thread(target=racer, args=(server,)) for _, server in zip(range(racers), cycle(servers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == {200: QUOTA, 429: requests - QUOTA}
        issuer.run("fsck", "--json")


def test_600_parallel_requests_get_exactly_60_tokens_from_two_processes(tmp_path: Path, postgres_url: str) -> None:
    _quota_is_exact(tmp_path, postgres_url, requests=600, racers=16)


@pytest.mark.long
def test_10000_parallel_requests_get_exactly_60_tokens_from_two_processes(tmp_path: Path, postgres_url: str) -> None:
    _quota_is_exact(tmp_path, postgres_url, requests=10_000, racers=32)


# --------------------------------------------------------------------------------------------------------- double spend
@dataclass(frozen=True)
class Visit:
    """One racer's request for one token: what to post, and the cookie that belongs to it."""

    cookie: str
    form: dict[str, str]


@dataclass
class Doors:
    """One account issuer and one door of two processes, with an app at the door."""

    account: Issuer
    door: Issuer
    servers: list[str]
    client_id: str
    secret: str

    def tokens(self, count: int) -> list[bytes]:
        """Tokens of an adult, signed with the issuer's own key."""
        names = {name: value for name, value in self.account.environment.items() if name.startswith("BLINDAGE_")}
        provider = compose(read_settings(names, self.account.url), exclusive=False)
        try:
            challenge = TokenChallenge(2, server_name_of(self.account.url), b"", server_name_of(self.door.url))
            return [token.to_bytes() for token in mint_tokens(provider, challenge, count)]
        finally:
            provider.realm.store.close()

    def visits(self, token: bytes, count: int, client: httpx.Client) -> list[Visit]:
        """Requests of `count` browsers that will all show this token."""
        parameters = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": CALLBACK, "scope": "openid age",
            "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256",
        }  # fmt: skip
        made = []
        for _ in range(count):
            page = client.get(f"{self.door.url}/authorize?{urlencode(parameters)}")
            shown = presentation_of(page)
            cookie = page.headers["Set-Cookie"].partition(";")[0]
            fields = presented_fields(secrets.token_bytes(32), shown, token)
            made.append(Visit(cookie, {"csrf": shown["csrf"], "request": shown["request"], **fields}))
            client.cookies.clear()
        return made


@contextmanager
def two_doors(directory: Path, database_url: str) -> Iterator[Doors]:
    """An account issuer, and two processes of one door on one PostgreSQL."""
    port = free_port()
    url = f"http://localhost:{port}"
    with ExitStack() as stack:
        account = stack.enter_context(running_issuer(directory / "account", DOOR_ISSUER=url))
        shared = {
            "ROLE": "door", "ISSUER": url, "ACCOUNT_ISSUER": account.url, "DATABASE_URL": database_url, **NO_LIMITS,
            "TOKEN_LOG_KEY": account.run("tokens", "log", "--json")["verifier_key"],
        }  # fmt: skip
        first = stack.enter_context(running_issuer(directory / "a", port=port, **shared))
        ring = str(first.data_dir / "master-key.json")
        second = stack.enter_context(running_issuer(directory / "b", MASTER_KEY_FILE=ring, **shared))
        app = first.register(CALLBACK)
        servers = [f"http://127.0.0.1:{port}", f"http://127.0.0.1:{second.server.port}"]
        yield Doors(account, first, servers, app["client_id"], app["client_secret"])


def _race(doors: Doors, rounds: Sequence[Sequence[Visit]]) -> list[list[Answer]]:
    connections = [Connection(server, doors.door.url) for _, server in zip(range(RACERS), cycle(doors.servers))]
    try:
        return race(
            rounds, RACERS,
            lambda number, visits: connections[number].post(
                "/present", visits[number].form, cookie=visits[number].cookie
            ),
        )  # fmt: skip
    finally:
        for connection in connections:
            connection.close()


def _tokens_are_spent_once(tmp_path: Path, postgres_url: str, count: int) -> None:
    with two_doors(tmp_path, postgres_url) as doors, httpx.Client(timeout=30) as client:
        rounds = [doors.visits(token, RACERS, client) for token in doors.tokens(count)]
        answers = _race(doors, rounds)
        assert [sum(answer.status == 200 for answer in of_token) for of_token in answers] == [1] * count
        lost = [answer for of_token in answers for answer in of_token if answer.status != 200]
        assert {(answer.status, answer.body["error"]) for answer in lost} == {(400, "invalid_token")}
        # Each code that was given out leads to tokens, once.
        won = [answer.body["location"] for of_token in answers for answer in of_token if answer.status == 200]
        connection = Connection(doors.servers[0], doors.door.url)
        for location in won[:50]:
            code = httpx.URL(location).params["code"]
            form = {"code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
            form["grant_type"] = "authorization_code"
            told = [connection.post("/token", form, (doors.client_id, doors.secret)).status for _ in range(2)]
            assert told == [200, 400]
        connection.close()
        # One browser that presses eight times, or whose answers are lost, has one code.
        rounds = [doors.visits(token, 1, client) * RACERS for token in doors.tokens(20)]
        for of_token in _race(doors, rounds):
            assert {answer.status for answer in of_token} == {200}
            assert len({answer.body["location"] for answer in of_token}) == 1
        doors.door.run("fsck", "--json")


@pytest.mark.long
def test_1000_tokens_are_spent_once_by_eight_spenders_racing_at_two_processes(
    tmp_path: Path, postgres_url: str
) -> None:
    _tokens_are_spent_once(tmp_path, postgres_url, count=1000)
