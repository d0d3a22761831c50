"""The kinds of work that servers are compared by: each prepares requests for one server and proves they are right."""

import base64
import http.client
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.encoding import b64url_decode
from crypto.privacy_pass import AUTHENTICATOR_SIZE, TOKEN_TYPE_BLIND_RSA, TokenRequest
from crypto.privacy_pass_batch import (
    GENERIC_BATCH_REQUEST_MEDIA_TYPE,
    GenericBatchTokenRequest,
    GenericBatchTokenResponse,
)
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import create_batch_request, finalize_batch
from loadtests.contestant import Codes, Contestant
from loadtests.raw_limits import BLIND_RSA
from loadtests.wrk import Mode, Replay

TOKENS = 64
"""How many people's tokens are used in turn where a token may be used many times."""
BATCH, LARGE_BATCH = 32, 100
"""Blinded messages in a request: what a wallet asks for an epoch, and the most that may be asked at once."""
BATCH_CONNECTIONS = 8
"""Requests under way at once: one always waits, and few are half done when a round ends, which counts as nothing."""
BATCH_PEOPLE = 16
"""How many people ask in turn."""
BATCHES_KEPT = 20_000
"""Blinded messages prepared for a round: more than a core signs in three seconds. Beyond, batches are sent again."""
MANY = 1_000_000
"""More connections than anybody plans: no limit."""


class WrongAnswer(RuntimeError):
    """A server did not do the work it is measured by; the text has its answer."""


class Work(Protocol):
    """One kind of work."""

    name: str
    title: str
    once: bool
    """Whether each prepared request can be sent one time only."""
    connections: int
    """Keep-alive connections at most, where fewer than the plan's are wanted."""
    raw_limit: str | None
    """The raw operation that the work consists of (`raw_limits.NAMES`), measured in each round; None: none."""

    def offered(self, contestant: Contestant) -> bool:
        """Whether the server has such an endpoint."""
        ...

    def prepare(self, contestant: Contestant, count: int, directory: Path) -> Replay:
        """Requests for one round, `count` of them where each can be sent once; WrongAnswer when a trial fails."""
        ...


class CodeExchange:
    """Authorization codes for an access token and a signed ID token; every code is used once."""

    name = "code_exchange"
    title = "Code exchange (PKCE, client_secret_basic, signed ID token)"
    once = True
    raw_limit = None
    connections = MANY

    def offered(self, contestant: Contestant) -> bool:
        """All do."""
        return True

    def prepare(self, contestant: Contestant, count: int, directory: Path) -> Replay:
        """Real codes, one of them redeemed to see that the answer is the one that is paid for."""
        codes = contestant.mint(count + 1, "exchange")
        first, *others = codes.exchanges()
        _check_tokens(post(contestant, contestant.paths.token, first, codes), contestant)
        return Replay("POST", contestant.paths.token, "once", lines_of(directory, others), codes.authorization)


class Refresh:
    """Refresh tokens of a confidential client for an access token and a signed ID token."""

    name = "refresh"
    title = "Refresh by a confidential client (signed ID token)"
    once = False
    raw_limit = None
    connections = MANY

    def offered(self, contestant: Contestant) -> bool:
        """All do."""
        return True

    def prepare(self, contestant: Contestant, count: int, directory: Path) -> Replay:
        """Refresh tokens stay good in all servers (OAuth 2.1, section 4.3.1), so each is used again and again."""
        codes, tokens = _redeemed(contestant)
        bodies = [
            urlencode({"grant_type": "refresh_token", "refresh_token": each["refresh_token"]}) for each in tokens
        ]
        _check_tokens(post(contestant, contestant.paths.token, bodies[0], codes), contestant)
        return Replay("POST", contestant.paths.token, "body", lines_of(directory, bodies), codes.authorization)


class Userinfo:
    """UserInfo with a bearer token."""

    name = "userinfo"
    title = "UserInfo"
    once = False
    raw_limit = None
    connections = MANY

    def offered(self, contestant: Contestant) -> bool:
        """All do."""
        return True

    def prepare(self, contestant: Contestant, count: int, directory: Path) -> Replay:
        """Access tokens that were just issued."""
        _, tokens = _redeemed(contestant)
        file = lines_of(directory, [each["access_token"] for each in tokens])
        bearer = {"Authorization": f"Bearer {tokens[0]['access_token']}"}
        told = json.loads(ask(contestant, "GET", contestant.paths.userinfo, None, bearer))
        if "sub" not in told or "age_band" not in told:
            raise WrongAnswer(f"{contestant.name}: {told}")
        return Replay("GET", contestant.paths.userinfo, "bearer", file)


class Introspection:
    """Introspection of an access token by the client it was made for."""

    name = "introspection"
    title = "Introspection"
    once = False
    raw_limit = None
    connections = MANY

    def offered(self, contestant: Contestant) -> bool:
        """All do."""
        return True

    def prepare(self, contestant: Contestant, count: int, directory: Path) -> Replay:
        """Access tokens that were just issued."""
        codes, tokens = _redeemed(contestant)
        bodies = [urlencode({"token": each["access_token"]}) for each in tokens]
        told = json.loads(post(contestant, contestant.paths.introspection, bodies[0], codes))
        if told.get("active") is not True:
            raise WrongAnswer(f"{contestant.name}: {told}")
        return Replay("POST", contestant.paths.introspection, "body", lines_of(directory, bodies), codes.authorization)


@dataclass(frozen=True, slots=True)
class Document:
    """A public document, fetched again and again."""

    name: str
    title: str
    once: bool = False
    raw_limit: str | None = None
    connections: int = MANY

    def offered(self, contestant: Contestant) -> bool:
        """Not everybody publishes every document."""
        return bool(getattr(contestant.paths, self.name))

    def prepare(self, contestant: Contestant, count: int, directory: Path) -> Replay:
        """It must be JSON."""
        path: str = getattr(contestant.paths, self.name)
        json.loads(ask(contestant, "GET", path, None, {}))
        mode: Mode = "none"
        return Replay("GET", path, mode)


@dataclass(frozen=True, slots=True)
class BlindIssuance:
    """Batches of blinded messages for blind signatures (RFC 9578, section 6; the batched-tokens draft)."""

    name: str
    batch: int
    once: bool = False
    raw_limit: str | None = BLIND_RSA
    connections: int = BATCH_CONNECTIONS

    @property
    def title(self) -> str:
        """What it is."""
        return f"Age tokens in batches of {self.batch} (blind RSA-2048)"

    def offered(self, contestant: Contestant) -> bool:
        """Ours only: nobody else has them."""
        return bool(contestant.paths.token_request)

    def prepare(self, contestant: Contestant, count: int, directory: Path) -> Replay:
        """Batches of a few people, all different, so that each is charged to the quota as well as signed.

        One of each person is finalised as a wallet would, which verifies every signature in it. The rest are random
        numbers: blinded messages are nothing else to who signs them.
        """
        codes = contestant.mint(BATCH_PEOPLE, "wallet")
        challenge = TokenChallenge(TOKEN_TYPE_BLIND_RSA, urlsplit(contestant.address).netloc)
        each = min(count, BATCHES_KEPT // self.batch) // BATCH_PEOPLE + 1
        lines = []
        for body in codes.exchanges():
            token = json.loads(post(contestant, contestant.paths.token, body, codes))["access_token"]
            bearer = {"Authorization": f"Bearer {token}"}
            told = json.loads(ask(contestant, "GET", contestant.paths.token_key, None, bearer))
            key = BlindRsaPublicKey.from_spki(b64url_decode(told["key"]))
            asked, pending = create_batch_request(challenge, key, self.batch)
            headers = {**bearer, "Content-Type": GENERIC_BATCH_REQUEST_MEDIA_TYPE}
            answer = ask(contestant, "POST", contestant.paths.token_request, asked.to_bytes(), headers)
            tokens = finalize_batch(pending, GenericBatchTokenResponse.from_bytes(answer))
            if None in tokens:
                raise WrongAnswer(f"{contestant.name}: a blinded message was not signed")
            lines += [f"{token} {_random_batch(key, self.batch).hex()}" for _ in range(each)]
        # In turns: the first of everybody, the second of everybody.
        lines = [line for turn in range(each) for line in lines[turn::each]]
        return Replay("POST", contestant.paths.token_request, "batch", lines_of(directory, lines))


WORKS: tuple[Work, ...] = (
    CodeExchange(),
    Refresh(),
    Userinfo(),
    Introspection(),
    Document("jwks", "JWKS"),
    Document("discovery", "Discovery"),
    BlindIssuance("blind_issuance", BATCH),
    BlindIssuance("blind_issuance_100", LARGE_BATCH),
)


def _random_batch(key: BlindRsaPublicKey, count: int) -> bytes:
    # A first byte of zero: below every modulus.
    blinded = (bytes(1) + secrets.token_bytes(AUTHENTICATOR_SIZE - 1) for _ in range(count))
    requests = tuple(TokenRequest(key.truncated_token_key_id, message) for message in blinded)
    return GenericBatchTokenRequest(requests).to_bytes()


def _redeemed(contestant: Contestant) -> tuple[Codes, list[dict[str, Any]]]:
    """Token answers of fresh codes, over HTTP as an app would get them."""
    codes = contestant.mint(TOKENS, "refresh")
    answers = [json.loads(post(contestant, contestant.paths.token, body, codes)) for body in codes.exchanges()]
    return codes, answers


def _check_tokens(answer: bytes, contestant: Contestant) -> None:
    tokens = json.loads(answer)
    head, claims = (_segment(part) for part in tokens["id_token"].split(".")[:2])
    right = head["alg"] == contestant.algorithm and claims.get("age_band") and "access_token" in tokens
    if not right:
        raise WrongAnswer(f"{contestant.name}: {head} {claims}")


def _segment(text: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return decoded


def post(contestant: Contestant, path: str, body: str, codes: Codes) -> bytes:
    """The answer to a form of an app, which must be 200; else WrongAnswer."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": codes.authorization}
    return ask(contestant, "POST", path, body, headers)


def ask(contestant: Contestant, method: str, path: str, body: str | bytes | None, headers: dict[str, str]) -> bytes:
    """The answer to a request, which must be 200; else WrongAnswer."""
    connection = http.client.HTTPConnection(urlsplit(contestant.address).netloc, timeout=30)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise WrongAnswer(f"{contestant.name} {method} {path}: {response.status} {answer[:300]!r}")
    return answer


def lines_of(directory: Path, lines: list[str]) -> Path:
    """A file of prepared requests, one a line."""
    file = directory / "requests"
    file.write_text("\n".join(lines) + "\n")
    return file
