"""One-time values at two processes: DPoP proofs, assertions, pushed requests, a registration (RFC 9449, 7523, 9126)."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlencode

import httpx
import pytest

from tests.assertion_client import ASSERTION_TYPE, AssertionKey, assertion_claims, key_set
from tests.dpop_client import DpopClient
from tests.issuer import Issuer
from tests.races.apps import CALLBACK, two_servers
from tests.races.barrier import Answer, race

RACERS = 8


@dataclass
class Pair:
    """Two servers of one issuer, and a raw connection for each racer."""

    issuer: Issuer
    servers: list[str]
    clients: list[httpx.Client]

    def post(self, number: int, path: str, form: dict[str, str], **headers: str) -> Answer:
        """A form, from one racer."""
        answer = self.clients[number].post(path, data=form, headers=headers)
        return Answer(answer.status_code, answer.json() if answer.content[:1] == b"{" else {})


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres_cluster: object) -> Iterator[Pair]:
    url = postgres_cluster.create_database()  # type: ignore[attr-defined]
    with two_servers(tmp_path_factory.mktemp("pair"), url) as (issuer, servers):
        host = issuer.url.partition("://")[2]
        clients = [
            httpx.Client(base_url=servers[number % 2], headers={"Host": host}, timeout=30) for number in range(RACERS)
        ]
        yield Pair(issuer, servers, clients)
        for client in clients:
            client.close()


def _key_app(pair: Pair, directory: Path) -> tuple[str, AssertionKey]:
    key = AssertionKey("ES256")
    file = directory / "jwks.json"
    file.write_text(json.dumps(key_set(key)))
    app = pair.issuer.register(CALLBACK, "--auth-method", "private_key_jwt", "--jwks", str(file))
    return app["client_id"], key


def _winners(answers: list[list[Answer]], won: Callable[[Answer], bool]) -> list[int]:
    assert all(answer.status < 500 for of_thing in answers for answer in of_thing)
    return [sum(won(answer) for answer in of_thing) for of_thing in answers]


def test_an_assertion_is_accepted_once(pair: Pair, tmp_path: Path) -> None:
    client_id, key = _key_app(pair, tmp_path)
    assertions = [key.sign(assertion_claims(client_id, pair.issuer.url, int(time.time()))) for _ in range(20)]

    def use(number: int, assertion: str) -> Answer:
        form = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE, "token": "x"}
        return pair.post(number, "/introspect", form)

    answers = race(assertions, RACERS, use)
    assert _winners(answers, lambda answer: answer.status == 200) == [1] * 20


def test_a_dpop_proof_is_accepted_once(pair: Pair) -> None:
    app = pair.issuer.register(CALLBACK)
    client = (app["client_id"], app["client_secret"])
    with httpx.Client(base_url=pair.issuer.url) as probe:
        first = _proof(pair, None)
        nonce = probe.post("/par", data=_request(client[0]), auth=client, headers={"DPoP": first}).headers["dpop-nonce"]
    proofs = [_proof(pair, nonce) for _ in range(20)]

    def use(number: int, proof: str) -> Answer:
        answer = pair.clients[number].post("/par", data=_request(client[0]), auth=client, headers={"DPoP": proof})
        return Answer(answer.status_code, answer.json())

    answers = race(proofs, RACERS, use)
    assert _winners(answers, lambda answer: answer.status == 201) == [1] * 20


def test_a_pushed_request_is_taken_up_once(pair: Pair) -> None:
    app = pair.issuer.register(CALLBACK)
    client = (app["client_id"], app["client_secret"])
    with httpx.Client(base_url=pair.issuer.url) as pusher:
        uris = [pusher.post("/par", data=_request(client[0]), auth=client).json()["request_uri"] for _ in range(20)]

    def use(number: int, uri: str) -> Answer:
        query = urlencode({"client_id": client[0], "request_uri": uri})
        return Answer(pair.clients[number].get(f"/authorize?{query}").status_code, {})

    answers = race(uris, RACERS, use)
    assert _winners(answers, lambda answer: answer.status == 303) == [1] * 20
    assert {answer.status for of_uri in answers for answer in of_uri} == {303, 400}


def test_an_update_against_a_delete_leaves_no_client_behind(pair: Pair) -> None:
    token = pair.issuer.run("client", "initial-access-token", "--json")["initial_access_token"]
    made = []
    with httpx.Client(base_url=pair.issuer.url) as registrar:
        for number in range(10):
            document = {"client_name": f"Racing {number}", "redirect_uris": [CALLBACK]}
            answer = registrar.post("/register", json=document, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 201, answer.text
            made.append(answer.json())

    def change(number: int, app: dict[str, str]) -> Answer:
        path = f"/register/{app['client_id']}"
        headers = {"Authorization": f"Bearer {app['registration_access_token']}"}
        if number == 0:
            return Answer(pair.clients[number].delete(path, headers=headers).status_code, {})
        document = {
            "client_id": app["client_id"], "client_name": f"Changed {secrets.token_hex(4)}", "redirect_uris": [CALLBACK]
        }  # fmt: skip
        answer = pair.clients[number].put(path, json=document, headers=headers)
        return Answer(answer.status_code, {})

    answers = race(made, RACERS, change)
    assert all(answer.status < 500 for of_app in answers for answer in of_app)
    for app in made:
        path, bearer = f"/register/{app['client_id']}", f"Bearer {app['registration_access_token']}"
        assert pair.clients[1].get(path, headers={"Authorization": bearer}).status_code == 401


def _proof(pair: Pair, nonce: str | None) -> str:
    """A DPoP proof for /par by a fresh key."""
    prover = DpopClient(_not_sent, pair.issuer.url, lambda: int(time.time()))
    prover.nonce = nonce
    return prover.proof("POST", "/par")


def _not_sent(*_: object, **__: object) -> NoReturn:
    raise AssertionError("the proof is for a connection of our own")


def _request(client_id: str) -> dict[str, str]:
    return {
        "response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256",
    }  # fmt: skip
