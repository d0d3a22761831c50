"""An account issuer that serves one person another key is refused: by that person's wallet, and by the door (D07).

Both halves are the real ones, over HTTP for the wallet's own modules in Node. The issuer is hostile as only it can be:
it holds its log's key, and signs whatever it shows.
"""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crypto.blind_rsa_keys import BlindRsaKey
from crypto.encoding import b64url_decode, b64url_encode
from crypto.merkle import leaf_hash, root_of
from crypto.notes import Checkpoint, sign_checkpoint
from crypto.privacy_pass import Token, verify_token
from crypto.privacy_pass_batch import GenericBatchTokenRequest
from crypto.privacy_pass_issuer import issue_batch
from idp.composition import compose_door, key_log_follower, log_signer
from idp.domain.age_token import canonical
from idp.wsgi import Application
from tests.app import App
from tests.need import need
from tests.relying_party import error_of
from tests.server_process import free_port
from tests.serving import serving
from tests.veiled import Veiled, Wallet, make_door, running_veiled
from tests.wallet.test_wallet_modules import run

MODES = ("honest", "own_key", "own_log", "own_signature")


@dataclass
class HostileIssuer:
    """The account issuer's application with somebody in front who has all its keys, and one more.

    `own_key`: another key is shown and signs. `own_log`: it also stands in the log that is shown, in place of the real
    one. `own_signature`: the right key is shown, and the other signs.
    """

    account: App
    plain: Application
    own: BlindRsaKey
    mode: str = "honest"
    token_requests: int = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path.startswith("/hostile/"):
            told, self.mode, self.token_requests = self.token_requests, path.removeprefix("/hostile/"), 0
            assert self.mode in MODES
            return _answer(start_response, {"token_requests": told})
        # Preflights are asked by browsers; what they ask for is counted and changed.
        if environ["REQUEST_METHOD"] == "OPTIONS" or self.mode == "honest":
            return self.plain(environ, start_response)
        if path == "/token-request":
            return self._signed(environ, start_response)
        changed = {"/token-keys/current": self._shown, "/token-keys/log": self._log}.get(path)
        if changed is None:
            return self.plain(environ, start_response)
        body = b"".join(self.plain(environ, lambda *_: None))
        return _answer(start_response, changed(json.loads(body)))

    def _shown(self, document: dict[str, Any]) -> dict[str, Any]:
        if self.mode == "own_signature":
            return document
        public = self.own.public
        return {**document, "key": b64url_encode(public.to_spki()), "key_id": b64url_encode(public.token_key_id)}

    def _log(self, document: dict[str, Any]) -> dict[str, Any]:
        if self.mode != "own_log":
            return document
        leaves = [self._replaced(b64url_decode(leaf)) for leaf in document["leaves"]]
        signer = log_signer(self.account.provider)
        root = root_of([leaf_hash(leaf) for leaf in leaves])
        note = sign_checkpoint(Checkpoint(signer.name, len(leaves), root), signer.name, signer.seed)
        return {**document, "leaves": [b64url_encode(leaf) for leaf in leaves], "checkpoint": note}

    def _replaced(self, leaf: bytes) -> bytes:
        """The adults' primary of this epoch, with the other key."""
        read = json.loads(leaf)
        now = self.account.clock.now()
        if (read.get("band"), read.get("role")) != ("adult", "primary") or not (
            read["not_before"] <= now < read["not_after"]
        ):
            return leaf
        return canonical(self._shown(read))

    def _signed(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.token_requests += 1
        request = GenericBatchTokenRequest.from_bytes(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        # Whatever key the request names by its last byte.
        keys = dict.fromkeys(range(256), self.own)
        start_response("200 OK", [("Content-Type", "application/private-token-generic-batch-response")])
        return [issue_batch(request, keys).to_bytes()]


def _answer(start_response: Any, document: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(document).encode()]


@pytest.fixture
def hostile(veiled: Veiled) -> HostileIssuer:
    """In front of the pair's account issuer, for everybody who asks it."""
    return _in_front_of(veiled)


def _in_front_of(veiled: Veiled) -> HostileIssuer:
    issuer = HostileIssuer(veiled.account, veiled.account.application, BlindRsaKey.generate())
    veiled.account.application = issuer
    return issuer


# -------------------------------------------------------------------------------------------------------- wallet
def test_wallet_refuses_every_key_that_others_do_not_see(tmp_path: Path) -> None:
    """Its own modules in Node, at both halves as they are, with one witness and the notice of a day."""
    need("node")
    account_port, door_port = free_port(), free_port()
    issuers = {"account_issuer": f"http://127.0.0.1:{account_port}", "door_issuer": f"http://localhost:{door_port}"}
    with ExitStack() as running:
        veiled = running.enter_context(running_veiled(tmp_path, **issuers))
        token = Wallet(veiled).access_token(veiled.account.person())
        _in_front_of(veiled)
        running.enter_context(serving(veiled.account.application, account_port))
        running.enter_context(serving(veiled.door.application, door_port))
        given = {
            "accessToken": token, "account": veiled.account.issuer, "door": veiled.door.issuer, "batch": 32,
            "now": veiled.clock.now(),
        }  # fmt: skip
        run("hostile_issuer", given, tmp_path)


# ---------------------------------------------------------------------------------------------------------- door
def _marked(veiled: Veiled, hostile: HostileIssuer, mode: str, wallet: Wallet) -> Token:
    """A token that the hostile issuer signed for a wallet that checks nothing: it is good by the other key."""
    wallet.fill(veiled.account.person(), 1)
    good = wallet.tokens.pop()
    hostile.mode = mode
    try:
        wallet.fill(veiled.account.person(), 1)
    finally:
        hostile.mode = "honest"
    marked = wallet.tokens.pop()
    assert marked.token_key_id == hostile.own.public.token_key_id != good.token_key_id
    verify_token(marked, veiled.challenge.digest, hostile.own.public)
    wallet.tokens.append(good)
    return marked


@pytest.mark.parametrize("mode", ["own_key", "own_log"])
def test_door_refuses_the_token_and_takes_the_next_persons(veiled: Veiled, hostile: HostileIssuer, mode: str) -> None:
    """Also when the door is shown the other log: it has seen the real one, and does not follow."""
    wallet = Wallet(veiled)
    marked = _marked(veiled, hostile, mode, wallet)
    hostile.mode = mode
    assert veiled.follower.follow() is (mode == "own_key")
    veiled.clock.advance(2)
    shown = wallet.arrive(veiled.app())
    assert error_of(shown.post(wallet.fields(shown, marked))) == "invalid_token"
    assert wallet.present(veiled.app()).status_code == 200


def test_new_door_that_is_shown_the_other_log_first_accepts_no_key_of_it(
    veiled: Veiled, hostile: HostileIssuer, tmp_path: Path
) -> None:
    """No witness saw that log a day before its keys were used, so there is no key, and the door is not even ready."""
    wallet = Wallet(veiled)
    marked = _marked(veiled, hostile, "own_log", wallet)
    hostile.mode = "own_log"
    door, _ = make_door(tmp_path / "another", veiled.account, "https://another.example")
    try:
        parts = compose_door(door.provider, door.settings)
        key_log_follower(parts).follow()
        assert parts.keys.find(marked.token_key_id) is None
        assert parts.keys.live_bands() == frozenset()
        assert door.send("GET", "/readyz").status_code == 503
    finally:
        door.provider.realm.store.close()


def test_key_of_one_person_would_be_seen_by_whoever_compares(veiled: Veiled, hostile: HostileIssuer) -> None:
    """What the harness does is what it says: two readers get two logs, and both are signed by the issuer."""
    honest = veiled.account.json("/token-keys/log")
    hostile.mode = "own_log"
    other = veiled.account.json("/token-keys/log")
    differing = [pair for pair in zip(honest["leaves"], other["leaves"], strict=True) if pair[0] != pair[1]]
    assert len(differing) == 1 and honest["checkpoint"] != other["checkpoint"]
