"""Wallets: filled with blind-signed age tokens at the account issuer, spent at the door (RFC 9578; docs/veiled.md)."""

import json
import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from locust.exception import StopUser
from locust.user.task import task
from nacl.signing import SigningKey

from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError
from crypto.privacy_pass import TOKEN_TYPE_BLIND_RSA, Token
from crypto.privacy_pass_batch import GENERIC_BATCH_REQUEST_MEDIA_TYPE, GenericBatchTokenResponse
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import PendingToken, create_batch_request, finalize_batch
from crypto.veil import presented_message, sector_seed
from loadtests.contestant import Codes
from loadtests.prepared import Door, Person
from loadtests.scenarios.app import FORM, Stray, expect, told_by
from loadtests.scenarios.person import Visitor, asked
from loadtests.scenarios.supplies import Supplies, take

BATCH = 30
BATCHES = 2
"""Of new tokens for one person: more are refused until the next epoch."""
_DATA = re.compile(r'<script type="application/json" id="presentation">(.*?)</script>')


class Wallet(Visitor):
    """Base: a wallet of one person at a time, with its seed, and an access token of scope age_tokens."""

    abstract = True

    def on_start(self) -> None:
        """Without a door there is nothing to fill a wallet for."""
        door = Supplies.prepared.door
        if door is None:
            raise StopUser
        self.door: Door = door
        self.challenge = TokenChallenge(
            TOKEN_TYPE_BLIND_RSA, urlsplit(str(self.host)).netloc, b"", urlsplit(door.issuer).netloc
        )
        self.change_person()

    def change_person(self) -> None:
        """The next person opens their wallet in a browser of their own."""
        self.client.cookiejar.clear()
        self.person: Person = take(Supplies.wallet_people)
        self.seed = secrets.token_bytes(32)
        self.batches = 0
        self.access_token = ""

    def sign_in(self) -> bool:
        """As a public client with the code in the fragment; a token of this scope comes without an ID token."""
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        redirect_uri = f"{self.door.issuer}/wallet"
        try:
            start = self.redirect("GET", "/authorize", "GET /authorize wallet", params={
                "client_id": "wallet", "redirect_uri": redirect_uri, "response_mode": "fragment",
                "scope": "age_tokens", **asked(state, verifier),
            })  # fmt: skip
            answer = parse_qs(urlsplit(self.walk(start, self.person, redirect_uri)).fragment)
        except Stray as stray:
            self.count_failure("wallet lost its way", str(stray))
            return False
        if answer.get("state") != [state] or "code" not in answer:
            self.count_failure("wallet lost its way", f"no code: {answer.get('error', ['?'])[0]}")
            return False
        body = urlencode({
            "grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": redirect_uri,
            "client_id": "wallet", "code_verifier": verifier,
        })  # fmt: skip
        with self.client.post(
            "/token", data=body, headers=FORM, catch_response=True, name="POST /token wallet"
        ) as answered:
            told = told_by(answered)
            expect(answered, told.get("scope") == "age_tokens")
            self.access_token = str(told.get("access_token", ""))
        return bool(self.access_token)

    def ask_batch(self) -> tuple[bytes, tuple[PendingToken, ...]] | None:
        """New blinded messages for the key of the person's band."""
        with self.client.get(
            "/token-keys/current", headers=self._bearer(), catch_response=True, name="GET /token-keys/current"
        ) as answer:
            told = told_by(answer)
            expect(answer, "key" in told)
            if "key" not in told:
                return None
        key = BlindRsaPublicKey.from_spki(b64url_decode(told["key"]))
        request, pending = create_batch_request(self.challenge, key, BATCH)
        return request.to_bytes(), pending

    def fetch_batch(self, message: bytes, pending: tuple[PendingToken, ...]) -> list[Token]:
        """The signatures, each of them verified; no tokens after a failure that was counted."""
        headers = {**self._bearer(), "Content-Type": GENERIC_BATCH_REQUEST_MEDIA_TYPE}
        with self.client.post(
            "/token-request", data=message, headers=headers, catch_response=True, name=f"POST /token-request {BATCH}"
        ) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}")
                return []
            try:
                tokens = finalize_batch(pending, GenericBatchTokenResponse.from_bytes(answer.content))
            except CryptoError as error:
                answer.failure(f"no good signatures: {error}")
                return []
            if None in tokens:
                answer.failure("a message was not signed")
                return []
            answer.success()
            return [token for token in tokens if token is not None]

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


class WalletFilling(Wallet):
    """Wallets fetch their batches; one that has all asks again for the last, as if the answer had been lost."""

    scenario = "fill"
    _AGAIN = 20
    """Times a batch is asked for before the next person: an access token lives five minutes."""

    def on_start(self) -> None:
        """Nobody is signed in yet."""
        super().on_start()
        self._asked: tuple[bytes, tuple[PendingToken, ...]] | None = None
        self._again = 0

    @task
    def fill(self) -> None:
        """One batch: a new one while the person may have one, and the same again after that."""
        if self._again >= self._AGAIN and Supplies.wallet_people:
            self.change_person()
            self._again = 0
        if not self.access_token or self._again == self._AGAIN:
            self._again = 0
            if not self.sign_in():
                return
        if self.batches < BATCHES:
            self._asked = self.ask_batch()
            self.batches += 1
        self._again += 1
        if self._asked is not None:
            self.fetch_batch(*self._asked)


class WalletSpending(Wallet):
    """A person signs in to an app at the door with tokens of their wallet, and fills it when it is empty."""

    scenario = "spend"

    def on_start(self) -> None:
        """The wallet is empty."""
        super().on_start()
        self._tokens: list[Token] = []

    @task
    def spend(self) -> None:
        """From the app to the door, a token shown, the code redeemed there."""
        if not self._tokens and not self._fill():
            return
        app = self.door.app
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        shown = self._arrive({
            "client_id": app.client_id, "redirect_uri": app.redirect_uri, "scope": "openid age",
            "nonce": secrets.token_urlsafe(16), **asked(state, verifier),
        })  # fmt: skip
        if shown is None:
            return
        code = self._present(shown, self._tokens.pop(), state)
        if code is not None:
            codes = Codes(app.client_id, app.client_secret, app.redirect_uri, [(code, verifier)])
            self.redeem(codes, codes.exchanges()[0], "POST door/token", self.door.issuer)

    def _fill(self) -> bool:
        if self.batches >= BATCHES:
            self.change_person()
        if not self.access_token and not self.sign_in():
            return False
        asked_for = self.ask_batch()
        self.batches += 1
        if asked_for is not None:
            self._tokens = self.fetch_batch(*asked_for)
        return bool(self._tokens)

    def _arrive(self, parameters: dict[str, str]) -> dict[str, Any] | None:
        """The door's page has the request in it as data."""
        with self.client.get(
            f"{self.door.issuer}/authorize", params=parameters, catch_response=True, name="GET door/authorize"
        ) as answer:
            found = _DATA.findall(answer.text or "")
            expect(answer, len(found) == 1)
            shown: dict[str, Any] | None = json.loads(found[0]) if len(found) == 1 else None
            return shown

    def _present(self, shown: dict[str, Any], token: Token, state: str) -> str | None:
        """Show a token, signed for this app's sector and request (docs/veiled.md)."""
        data = token.to_bytes()
        key = SigningKey(sector_seed(self.seed, shown["door"], shown["sector"]))
        message = presented_message(shown["door"], shown["sector"], shown["request_id"], data)
        form = {
            "csrf": shown["csrf"], "request": shown["request"], "decision": "allow", "token": b64url_encode(data),
            "pk": b64url_encode(bytes(key.verify_key)), "sig": b64url_encode(key.sign(message).signature),
        }  # fmt: skip
        with self.client.post(shown["present"], data=form, catch_response=True, name="POST door/present") as answer:
            told = parse_qs(urlsplit(str(told_by(answer).get("location", ""))).query)
            expect(answer, told.get("state") == [state] and "code" in told)
            return told["code"][0] if "code" in told else None
