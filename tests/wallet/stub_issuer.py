"""The account issuer as the wallet meets it: sign-in at once, token keys, log, and real blind signatures."""

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from crypto.blind_rsa_keys import BlindRsaKey
from crypto.encoding import i2osp, os2ip
from crypto.pkce import is_challenge, verifier_matches
from crypto.privacy_pass import TokenRequest, TokenResponse
from crypto.privacy_pass_batch import (
    BATCH_MAX,
    GENERIC_BATCH_REQUEST_MEDIA_TYPE,
    GENERIC_BATCH_RESPONSE_MEDIA_TYPE,
    GenericBatchTokenRequest,
    GenericBatchTokenResponse,
)
from crypto.privacy_pass_issuer import issue_batch
from tests.crypto.token_keys import other_key, token_key
from tests.wallet.key_log import DAY, WITNESS, WITNESS_SEED, KeyLog, key_leaf, shown
from tests.wallet.loopback import Answer, Asked, LoopbackServer

CLIENT_ID = "wallet"
# Once for the run, so that a stub that is made anew has the same epoch.
BEGINS = int(time.time()) - 5 * DAY
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After",
}
PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept",
}


def _json(document: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json", **CORS})


@dataclass
class StubIssuer:
    """State a test looks at and sets; `failing` answers a path with a status for a number of times."""

    redirect_uri: str = ""
    band: str = "adult"
    quota: int = 1000
    charged: int = 0
    declines: bool = False
    failing: dict[str, list[int]] = field(default_factory=dict)
    answers_lost: int = 0
    shows: BlindRsaKey = field(default_factory=token_key)
    signs: BlindRsaKey = field(default_factory=token_key)
    log: KeyLog = field(default_factory=KeyLog)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _tokens: set[str] = field(default_factory=set)
    _answered: dict[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = LoopbackServer("127.0.0.1", self.answer)
        self.leaf = key_leaf(token_key(), self.band, 7, BEGINS)
        if not self.log.entries:
            self.log.add(self.leaf).sign((WITNESS, WITNESS_SEED, BEGINS - 2 * DAY))
            self.log.add({"type": "wallet-files", "files": {}, "at": BEGINS}).sign()

    def answer(self, asked: Asked) -> Answer:
        if asked.method == "OPTIONS":
            return Answer(204, b"", PREFLIGHT)
        if self.failing.get(asked.path):
            return _json({"error": "temporarily_unavailable"}, self.failing[asked.path].pop(0))
        return {
            "/authorize": self._authorize,
            "/token": self._token,
            "/token-keys/current": self._current,
            "/token-keys/log": lambda _: _json(self.log.document),
            "/token-request": self._token_request,
        }.get(asked.path, lambda _: Answer(404))(asked)

    def _authorize(self, asked: Asked) -> Answer:
        query = asked.query
        assert query["scope"] == "age_tokens" and query["response_type"] == "code"
        assert query["response_mode"] == "fragment" and query["code_challenge_method"] == "S256"
        assert query["redirect_uri"] == self.redirect_uri and query["client_id"] == CLIENT_ID
        assert is_challenge(query["code_challenge"]) and len(query["state"]) == 43
        assert set(query) == {
            "scope", "response_type", "response_mode", "code_challenge", "code_challenge_method", "redirect_uri",
            "client_id", "state",
        }  # fmt: skip
        answer = {"state": query["state"], "iss": self.server.url}
        if self.declines:
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self._codes[answer["code"]] = query
        return Answer(303, b"", {"Location": f"{query['redirect_uri']}#{urlencode(answer)}"})

    def _token(self, asked: Asked) -> Answer:
        form = asked.form
        asking = self._codes.pop(form["code"], None)
        if asking is None or form["grant_type"] != "authorization_code":
            return _json({"error": "invalid_grant"}, 400)
        assert form["redirect_uri"] == asking["redirect_uri"] and form["client_id"] == CLIENT_ID
        if not verifier_matches(form["code_verifier"], asking["code_challenge"]):
            return _json({"error": "invalid_grant"}, 400)
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        return _json({"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": "age_tokens"})

    def _is_admitted(self, asked: Asked) -> bool:
        return asked.headers.get("Authorization", "").removeprefix("Bearer ") in self._tokens

    def _current(self, asked: Asked) -> Answer:
        if not self._is_admitted(asked):
            return _json({"error": "invalid_token"}, 401)
        if self.shows is not token_key():
            return _json(shown(key_leaf(self.shows, self.band, 7, self.leaf["not_before"])))
        return _json(shown(self.leaf))

    def _token_request(self, asked: Asked) -> Answer:
        if not self._is_admitted(asked):
            return _json({"error": "invalid_token"}, 401)
        assert asked.headers["Content-Type"] == GENERIC_BATCH_REQUEST_MEDIA_TYPE
        request = GenericBatchTokenRequest.from_bytes(asked.body)
        if asked.body not in self._answered:
            if self.charged + len(request.token_requests) > self.quota:
                return _json({"error": "quota_exceeded"}, 429)
            self.charged += len(request.token_requests)
            self._answered[asked.body] = self._sign(request).to_bytes()
        if self.answers_lost:
            self.answers_lost -= 1
            # Cut off after the head: the answer was given, and never arrives.
            return Answer(200, b"", {"Content-Length": "8288", "Connection": "close", **CORS})
        return Answer(200, self._answered[asked.body], {"Content-Type": GENERIC_BATCH_RESPONSE_MEDIA_TYPE, **CORS})

    def _sign(self, request: GenericBatchTokenRequest) -> GenericBatchTokenResponse:
        assert len(request.token_requests) <= BATCH_MAX
        response = issue_batch(request, {self.shows.public.truncated_token_key_id: self.shows})
        return response if self.signs is self.shows else marked(request, response, self.signs)


def marked(
    request: GenericBatchTokenRequest, response: GenericBatchTokenResponse, key: BlindRsaKey
) -> GenericBatchTokenResponse:
    """The sixth answer is by `key`: a mark on one token of the batch."""
    asked = request.token_requests[5]
    assert isinstance(asked, TokenRequest)
    # The issuer's own function would refuse a message that is out of this key's range.
    block = i2osp(os2ip(asked.blinded_msg) % key.public.modulus, key.public.size)
    answers = response.token_responses
    return GenericBatchTokenResponse((*answers[:5], TokenResponse(key.operation.private(block)), *answers[6:]))


def marking_key() -> BlindRsaKey:
    """A key that is not the one in the log."""
    return other_key()
