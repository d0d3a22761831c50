"""Privacy Pass against the published vectors: type 0x0002 end to end, challenges, headers and generic batches."""

from collections.abc import Mapping
from typing import Any

import pytest

from crypto.blind_rsa_keys import BlindRsaKey, BlindRsaPublicKey
from crypto.errors import TokenError
from crypto.privacy_pass import Token, TokenRequest, TokenResponse, authenticator_input, verify_token
from crypto.privacy_pass_batch import (
    GenericBatchTokenRequest,
    GenericBatchTokenResponse,
    UnsupportedTokenRequest,
    UnsupportedTokenResponse,
)
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import PendingToken, create_token_request_with, finalize_token
from crypto.privacy_pass_issuer import issue, issue_batch
from crypto.privacy_pass_scheme import (
    PrivateTokenChallenge,
    format_authorization,
    format_www_authenticate,
    parse_authorization,
    parse_www_authenticate,
)
from crypto.tls_presentation import Reader
from tests.crypto.token_keys import BACKENDS, FIXTURES, backend, pkcs8_of_pem, published
from tests.need import need

both_backends = pytest.mark.parametrize("backend_name", BACKENDS)
SINGLE = (
    "pp-ts_pub_verif_rfc9578.go.json",
    "pp-ts_pub_verif_rfc9578.rust.json",
    "pp-rs_public_go.json",
    "pp-rs_public_rs.json",
    "privacypass_ts_type_0x0002.json",
)
BATCH = (
    "pp-ts_generic_batched_tokens_v6_go.json",
    "pp-ts_generic_batched_tokens_v6_rs.json",
    "pp-rs_generic_go.json",
    "pp-rs_generic_rs.json",
    "privacypass_ts_generic_batch.json",
)
# Made by an implementation of an earlier revision: each request and response behind a length of two bytes.
EARLIER_BATCH = "pp-rs_generic_ts.json"
HEADERS = (
    "pp-ts_auth_scheme_header_v14.json",
    "pp-ts_auth_scheme_header_complicated.json",
    "privacypass_ts_auth_scheme_header.json",
)
CHALLENGES = ("pp-ts_auth_scheme_token_v14.json", "pp-ts_auth_scheme_token_with_extensions_v1.json")
BLIND_RSA = 0x0002


def unhex(vector: Mapping[str, Any], *names: str) -> bytes:
    """The member that goes by one of these names; the publishers spell them differently."""
    (name,) = (name for name in names if name in vector)
    return bytes.fromhex(vector[name])


def issuer_key(vector: Mapping[str, Any], backend_name: str) -> BlindRsaKey:
    key = BlindRsaKey.from_pkcs8(pkcs8_of_pem(unhex(vector, "skS", "sk_s")), backend(backend_name))
    assert key.public == BlindRsaPublicKey.from_spki(unhex(vector, "pkS", "pk_s"))
    return key


def request_of(vector: Mapping[str, Any], key: BlindRsaPublicKey) -> tuple[TokenRequest, PendingToken]:
    """The client's side with the randomness of the vector."""
    challenge = TokenChallenge.from_bytes(unhex(vector, "token_challenge"))
    assert challenge.to_bytes() == unhex(vector, "token_challenge")
    factor = int.from_bytes(unhex(vector, "blind"), "big")
    return create_token_request_with(challenge, key, unhex(vector, "nonce"), unhex(vector, "salt"), factor)


def redeem(vector: Mapping[str, Any], token: Token, key: BlindRsaPublicKey) -> None:
    """The origin's side: over the wire in a header, then verified against the challenge."""
    assert token.to_bytes() == unhex(vector, "token")
    received = parse_authorization(format_authorization(token))
    assert received == Token.from_bytes(unhex(vector, "token"))
    verify_token(received, TokenChallenge.from_bytes(unhex(vector, "token_challenge")).digest, key)


@both_backends
@pytest.mark.parametrize("file_name", SINGLE)
def test_type_0x0002_from_challenge_to_redemption(file_name: str, backend_name: str) -> None:
    vectors = published(file_name)
    assert len(vectors) == 5
    for vector in vectors:
        key = issuer_key(vector, backend_name)
        request, pending = request_of(vector, key.public)
        assert request.to_bytes() == unhex(vector, "token_request")
        assert TokenRequest.from_bytes(unhex(vector, "token_request")) == request
        response = issue(request, {key.public.truncated_token_key_id: key})
        assert response.to_bytes() == unhex(vector, "token_response")
        assert TokenResponse.from_bytes(unhex(vector, "token_response")) == response
        redeem(vector, finalize_token(pending, response), key.public)


def token_type_of(issuance: Mapping[str, Any]) -> int:
    return int.from_bytes(unhex(issuance, "type", "token_type"), "big")


@both_backends
@pytest.mark.parametrize("file_name", BATCH)
def test_generic_batch_end_to_end(file_name: str, backend_name: str) -> None:
    signed = 0
    for vector in published(file_name):
        issuances = vector["issuance"]
        request = GenericBatchTokenRequest.from_bytes(unhex(vector, "token_request"))
        response = GenericBatchTokenResponse.from_bytes(unhex(vector, "token_response"))
        assert request.to_bytes() == unhex(vector, "token_request")
        assert response.to_bytes() == unhex(vector, "token_response")
        assert len(issuances) == len(request.token_requests) == response.issued

        keys: dict[int, BlindRsaKey] = {}
        for issuance in issuances:
            if token_type_of(issuance) == BLIND_RSA:
                key = issuer_key(issuance, backend_name)
                keys[key.public.truncated_token_key_id] = key
        own = issue_batch(request, keys).token_responses
        for issuance, asked, answer, published_answer in zip(
            issuances, request.token_requests, own, response.token_responses, strict=True
        ):
            assert asked.token_type == token_type_of(issuance)
            if asked.token_type != BLIND_RSA:
                assert isinstance(asked, UnsupportedTokenRequest)
                assert isinstance(published_answer, UnsupportedTokenResponse)
                assert answer is None
                continue
            assert isinstance(asked, TokenRequest)
            assert isinstance(answer, TokenResponse)
            assert answer == published_answer
            key = keys[asked.truncated_token_key_id]
            expected, pending = request_of(issuance, key.public)
            assert expected == asked
            redeem(issuance, finalize_token(pending, answer), key.public)
            signed += 1
    assert signed >= 2


def earlier_entries(data: bytes) -> list[bytes]:
    reader = Reader(data)
    entries = Reader(reader.variable_vector("entries"))
    reader.end("batch")
    found = []
    while entries.remaining:
        found.append(entries.vector(2, "entry"))
    return found


@both_backends
def test_generic_batch_of_an_earlier_revision_is_refused_but_its_tokens_are_good(backend_name: str) -> None:
    signed = 0
    for vector in published(EARLIER_BATCH):
        with pytest.raises(TokenError):
            GenericBatchTokenRequest.from_bytes(unhex(vector, "token_request"))
        with pytest.raises(TokenError):
            GenericBatchTokenResponse.from_bytes(unhex(vector, "token_response"))
        requests = earlier_entries(unhex(vector, "token_request"))
        responses = earlier_entries(unhex(vector, "token_response"))
        for issuance, request, response in zip(vector["issuance"], requests, responses, strict=True):
            if token_type_of(issuance) != BLIND_RSA:
                continue
            key = issuer_key(issuance, backend_name)
            asked, pending = request_of(issuance, key.public)
            assert asked.to_bytes() == request
            answer = issue(asked, {key.public.truncated_token_key_id: key})
            assert answer.to_bytes() == response
            redeem(issuance, finalize_token(pending, answer), key.public)
            signed += 1
    assert signed >= 2


@pytest.mark.parametrize("file_name", CHALLENGES)
def test_authenticator_input_of_every_challenge(file_name: str) -> None:
    vectors = published(file_name)
    assert len(vectors) == 5
    for vector in vectors:
        token_type = int(vector["token_type"], 16)
        challenge = TokenChallenge(
            token_type,
            unhex(vector, "issuer_name").decode(),
            unhex(vector, "redemption_context"),
            unhex(vector, "origin_info").decode(),
        )
        assert TokenChallenge.from_bytes(challenge.to_bytes()) == challenge
        signed = authenticator_input(
            token_type, unhex(vector, "nonce"), challenge.digest, unhex(vector, "token_key_id")
        )
        assert signed == unhex(vector, "token_authenticator_input")


@pytest.mark.parametrize("file_name", HEADERS)
def test_www_authenticate_headers(file_name: str) -> None:
    for vector in published(file_name):
        expected: list[PrivateTokenChallenge] = []
        while f"token-type-{len(expected)}" in vector:
            i = len(expected)
            challenge, key = unhex(vector, f"token-challenge-{i}"), unhex(vector, f"token-key-{i}")
            expected.append(PrivateTokenChallenge(challenge, key, vector[f"max-age-{i}"]))
            assert expected[i].token_type == vector[f"token-type-{i}"]
            assert expected[i].token_challenge().issuer_name == "issuer.example"
        assert expected
        parsed = parse_www_authenticate(vector["WWW-Authenticate"])
        assert parsed == tuple(expected)
        assert parse_www_authenticate(format_www_authenticate(parsed)) == parsed
        assert BlindRsaPublicKey.from_spki(parsed[0].token_key or b"").to_spki() == parsed[0].token_key


def test_no_published_file_of_these_kinds_is_left_out() -> None:
    kinds = ("pp-*_pub*_verif_rfc9578*", "pp-rs_public_*", "pp-*_auth_scheme_*", "pp-*_generic_*")
    there = {path.name for kind in kinds for path in need("vectors").glob(kind)}
    there |= {path.name for path in FIXTURES.glob("privacypass_ts_[!k]*.json")}
    assert there == {*SINGLE, *BATCH, EARLIER_BATCH, *HEADERS, *CHALLENGES}
