"""Sign-in at the door by a token: shown at `/present`, answered with a code, redeemed at `/token` for an ID token."""

import base64
import html
import http.client
import json
import re
import secrets
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from nacl.signing import SigningKey

from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.encoding import b64url_decode, b64url_encode
from crypto.pkce import challenge_of
from crypto.privacy_pass import TOKEN_TYPE_BLIND_RSA, Token
from crypto.privacy_pass_batch import BATCH_MAX, GENERIC_BATCH_REQUEST_MEDIA_TYPE, GenericBatchTokenResponse
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import create_batch_request, finalize_batch
from crypto.veil import presented_message, sector_seed
from loadtests.benched_door import BlindageDoor
from loadtests.contestant import Contestant
from loadtests.work import MANY, WrongAnswer, lines_of
from loadtests.wrk import Replay

DOOR_SIGN_IN = "door_sign_in"
REQUESTS_OF_SIGN_IN = 2
_PRESENT = "/present"
_PAGE = re.compile(rb'<script type="application/json" id="presentation">(.*?)</script>')


class DoorSignIn:
    """Every token and every request is used once; two requests make one sign-in. The page before it is not counted."""

    name = DOOR_SIGN_IN
    title = "Sign-in at the door: token shown, code redeemed (two requests)"
    once = True
    raw_limit = None
    connections = MANY

    def offered(self, contestant: Contestant) -> bool:
        """By the door alone."""
        return isinstance(contestant, BlindageDoor)

    def prepare(self, contestant: Contestant, count: int, directory: Path) -> Replay:
        """Tokens of an adult, each signed for an app's request; one sign-in is looked at whole beforehand."""
        assert isinstance(contestant, BlindageDoor)
        wanted = count // REQUESTS_OF_SIGN_IN + 1
        verifier = b64url_encode(secrets.token_bytes(32))
        wallet = _Wallet(contestant)
        door = _Client(contestant.issuer)
        forms = [wallet.shown(door, token, verifier) for token in wallet.tokens(wanted)]
        redeemed = urlencode(
            {
                "grant_type": "authorization_code", "redirect_uri": contestant.client.redirect_uri,
                "code_verifier": verifier, "code": "",
            }
        )  # fmt: skip
        _check(door, forms.pop(), redeemed, contestant)
        lines = [f"{cookie} {form}" for cookie, form in forms]
        return Replay(
            "POST", _PRESENT, "sign_in", lines_of(directory, [redeemed, *lines]), contestant.client.authorization
        )


def _check(door: "_Client", shown: tuple[str, str], redeemed: str, contestant: BlindageDoor) -> None:
    """One sign-in: a code, and for it an ID token with the band."""
    cookie, form = shown
    told = json.loads(door.ask("POST", _PRESENT, form, {"Cookie": cookie}))
    code = re.search(r"[?&]code=([\w-]+)", told["location"])
    if code is None:
        raise WrongAnswer(f"{contestant.name}: {told}")
    client = {"Authorization": contestant.client.authorization}
    tokens = json.loads(door.ask("POST", "/token", redeemed + code[1], client))
    head, claims = (_segment(part) for part in tokens["id_token"].split(".")[:2])
    if head["alg"] != contestant.algorithm or claims.get("age_band") != "adult":
        raise WrongAnswer(f"{contestant.name}: {head} {claims}")


def _segment(text: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return decoded


class _Wallet:
    """What the wallet's page does, for one person with many tokens."""

    def __init__(self, contestant: BlindageDoor) -> None:
        self._contestant = contestant
        self._seed = secrets.token_bytes(32)

    def tokens(self, count: int) -> list[Token]:
        """So many, in the largest batches there are."""
        contestant = self._contestant
        account = _Client(contestant.account_issuer)
        codes = contestant.mint(1, "wallet")
        told = json.loads(
            account.ask("POST", "/token", codes.exchanges()[0], {"Authorization": codes.authorization})
        )
        bearer = {"Authorization": f"Bearer {told['access_token']}"}
        key = BlindRsaPublicKey.from_spki(
            b64url_decode(json.loads(account.ask("GET", "/token-keys/current", None, bearer))["key"])
        )
        names = (urlsplit(issuer).netloc for issuer in (contestant.account_issuer, contestant.issuer))
        challenge = TokenChallenge(TOKEN_TYPE_BLIND_RSA, next(names), b"", next(names))
        sizes = [BATCH_MAX] * (count // BATCH_MAX) + [count % BATCH_MAX or 1]
        return list(chain.from_iterable(self._batch(account, bearer, challenge, key, size) for size in sizes))

    def _batch(
        self, account: "_Client", bearer: dict[str, str], challenge: TokenChallenge, key: BlindRsaPublicKey, size: int
    ) -> list[Token]:
        asked, pending = create_batch_request(challenge, key, size)
        headers = {**bearer, "Content-Type": GENERIC_BATCH_REQUEST_MEDIA_TYPE}
        answer = account.ask("POST", "/token-request", asked.to_bytes(), headers)
        tokens = finalize_batch(pending, GenericBatchTokenResponse.from_bytes(answer))
        return [token for token in tokens if token is not None]

    def shown(self, door: "_Client", token: Token, verifier: str) -> tuple[str, str]:
        """The cookie and the form with which a token is shown for a fresh request of the app."""
        client = self._contestant.client
        parameters = {
            "response_type": "code", "client_id": client.client_id, "redirect_uri": client.redirect_uri,
            "scope": "openid age", "state": secrets.token_urlsafe(16), "nonce": secrets.token_urlsafe(16),
            "code_challenge": challenge_of(verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        page = door.ask("GET", f"/authorize?{urlencode(parameters)}", None, {})
        found = _PAGE.search(page)
        if found is None or door.cookie is None:
            raise WrongAnswer(f"{self._contestant.name}: {page[:300]!r}")
        request = json.loads(html.unescape(found[1].decode()))
        key = SigningKey(sector_seed(self._seed, request["door"], request["sector"]))
        data = token.to_bytes()
        message = presented_message(request["door"], request["sector"], request["request_id"], data)
        form = {
            "decision": "allow", "csrf": request["csrf"], "request": request["request"], "token": b64url_encode(data),
            "pk": b64url_encode(bytes(key.verify_key)), "sig": b64url_encode(key.sign(message).signature),
        }  # fmt: skip
        return door.cookie, urlencode(form)


class _Client:
    """One keep-alive connection to loopback, by a name of it; `cookie` is what the last answer set."""

    def __init__(self, issuer: str) -> None:
        self._host = urlsplit(issuer).netloc
        # Python's resolver knows fewer names of loopback than browsers do.
        self._connection = http.client.HTTPConnection("127.0.0.1", urlsplit(issuer).port, timeout=30)
        self.cookie: str | None = None

    def ask(self, method: str, path: str, body: str | bytes | None, headers: dict[str, str]) -> bytes:
        """The answer, which must be 200; else WrongAnswer."""
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        self._connection.request(method, path, body, {"Host": self._host, **form, **headers})
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise WrongAnswer(f"{method} {path[:60]}: {response.status} {answer[:300]!r}")
        cookie = response.getheader("Set-Cookie")
        self.cookie = None if cookie is None else cookie.partition(";")[0]
        return answer
