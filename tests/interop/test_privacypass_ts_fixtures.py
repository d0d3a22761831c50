"""Committed fixtures of npm privacypass-ts are what it makes today; each side signs and verifies the other's."""

import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto.blind_rsa_keys import BlindRsaKey
from crypto.encoding import b64_padded_url_encode
from crypto.privacy_pass import TokenRequest, TokenResponse
from crypto.privacy_pass_batch import GenericBatchTokenRequest, GenericBatchTokenResponse
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import create_batch_request, create_token_request, finalize_batch, finalize_token
from crypto.privacy_pass_issuer import issue
from crypto.privacy_pass_scheme import format_authorization
from relying_party_demo.private_token_gate import EPOCH_SECONDS, PrivateTokenGate
from tests.crypto.token_keys import FIXTURES, pkcs8_of_pem, published
from tests.interop.conversation import Conversation
from tests.need import INTEROP, need
from tests.wallet.loopback import Answer, LoopbackServer, running

KEYS = "privacypass_ts_keys.json"
CHALLENGES = (
    TokenChallenge(2, "issuer.example", b"", "door.example"),
    TokenChallenge(2, "issuer.example", bytes(32), "one.example,two.example"),
    TokenChallenge(2, "127.0.0.1:9000"),
)


def test_script_makes_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / KEYS, tmp_path)
    script = INTEROP / "make_privacypass_ts_fixtures.mjs"
    subprocess.run([need("node"), script, tmp_path], check=True, capture_output=True, timeout=100)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in FIXTURES.glob("privacypass_ts_*")}
    assert len(made) == 4


@pytest.mark.parametrize("challenge", CHALLENGES, ids=lambda challenge: challenge.origin_info or "anywhere")
def test_it_signs_our_requests_and_verifies_our_tokens(challenge: TokenChallenge) -> None:
    key = BlindRsaKey.from_pkcs8(pkcs8_of_pem(bytes.fromhex(published(KEYS)[0]["skS"])))
    single, pending = create_token_request(challenge, key.public)
    batch, pending_batch = create_batch_request(challenge, key.public, 3)
    # One of them names a key that the issuer does not have: its answer is to be absent.
    stray = TokenRequest(key.public.truncated_token_key_id ^ 1, batch.token_requests[0].to_bytes()[3:])
    mixed = GenericBatchTokenRequest((*batch.token_requests, stray))
    ours = finalize_token(pending, issue(single, {key.public.truncated_token_key_id: key}))
    bad = replace(ours, nonce=bytes(32))
    talk = Conversation("privacypass_ts_issuer.mjs", str(FIXTURES / KEYS))
    talk.say(json.dumps({
        "single": single.to_bytes().hex(), "batch": mixed.to_bytes().hex(),
        "authorizations": [format_authorization(token) for token in (ours, bad)],
    }))  # fmt: skip
    told = talk.hear()
    talk.finish()
    assert told["verified"] == [True, False]
    # Deterministic signatures: its answer is ours to the bit.
    assert finalize_token(pending, TokenResponse.from_bytes(bytes.fromhex(told["single"]))) == ours
    answers = GenericBatchTokenResponse.from_bytes(bytes.fromhex(told["batch"])).token_responses
    assert len(answers) == 4 and answers[3] is None
    tokens = finalize_batch(pending_batch, GenericBatchTokenResponse(answers[:3]))
    assert len({token.nonce for token in tokens if token is not None}) == 3


def test_copied_gate_admits_its_tokens_by_its_own_header() -> None:
    """The demo app's gate stands on stock RSA-PSS and shares no code with `crypto`."""
    directory: dict[str, list[dict[str, Any]]] = {"token-keys": [{"token-type": 2, "token-key": "", "not-before": 0}]}
    admitted = 0
    with running(LoopbackServer("127.0.0.1", lambda _: Answer(200, json.dumps(directory).encode()))) as issuer:
        for vector in published("privacypass_ts_type_0x0002.json"):
            asked = TokenChallenge.from_bytes(bytes.fromhex(vector["token_challenge"]))
            if asked.redemption_context or len(asked.origin_names) != 1:
                continue
            directory["token-keys"][0]["token-key"] = b64_padded_url_encode(bytes.fromhex(vector["pkS"]))
            spent: list[tuple[bytes, int]] = []
            gate = PrivateTokenGate(
                issuer.url, asked.issuer_name, asked.origin_info,
                lambda *use, spent=spent: spent.append(use) is None, lambda: 1000.0,  # type: ignore[misc]
            )  # fmt: skip
            assert gate.challenge == asked.to_bytes()
            assert gate.admits(vector["Authorization"])
            assert spent == [(bytes.fromhex(vector["nonce"]), 2 * EPOCH_SECONDS)]
            admitted += 1
    assert admitted == 2


def test_digests_in_the_readme_are_those_of_the_files() -> None:
    readme = (FIXTURES / "README.md").read_text()
    files = sorted(FIXTURES.glob("*.json"))
    assert len(files) == 4
    for file in files:
        assert f"| `{file.name}` |" in readme and hashlib.sha256(file.read_bytes()).hexdigest() in readme
