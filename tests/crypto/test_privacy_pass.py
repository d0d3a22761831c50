"""Tokens of type 0x0002: messages, client, issuer and origin (RFC 9577, section 2.2; RFC 9578, section 6)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.blind_rsa import SigningError
from crypto.blind_rsa_keys import Backend, BlindRsaKey
from crypto.errors import BlindRsaError, TokenError
from crypto.privacy_pass import (
    AUTHENTICATOR_INPUT_SIZE,
    TOKEN_REQUEST_SIZE,
    TOKEN_RESPONSE_SIZE,
    TOKEN_SIZE,
    Token,
    TokenRequest,
    TokenResponse,
    authenticator_input,
    verify_token,
)
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import create_batch_request, create_token_request, finalize_token
from crypto.privacy_pass_issuer import issue, issue_batch
from tests.crypto.cheap import CHEAP
from tests.crypto.token_keys import CHALLENGE, other_key, spendable_token, token_key

PARSERS: list[tuple[int, Callable[[bytes], Token | TokenRequest | TokenResponse]]] = [
    (354, Token.from_bytes),
    (259, TokenRequest.from_bytes),
    (256, TokenResponse.from_bytes),
]


def test_sizes_are_those_of_the_standards() -> None:
    assert (TOKEN_SIZE, TOKEN_REQUEST_SIZE, TOKEN_RESPONSE_SIZE) == (354, 259, 256)
    assert AUTHENTICATOR_INPUT_SIZE == 98
    assert len(spendable_token().to_bytes()) == TOKEN_SIZE
    assert len(spendable_token().authenticator_input) == AUTHENTICATOR_INPUT_SIZE


@pytest.mark.parametrize(("size", "parse"), PARSERS)
def test_message_of_any_other_length_is_refused(
    size: int, parse: Callable[[bytes], Token | TokenRequest | TokenResponse]
) -> None:
    message = b"\x00\x02" + bytes(2 * size)
    assert len(parse(message[:size]).to_bytes()) == size
    for length in range(2 * size):
        if length != size:
            with pytest.raises(TokenError):
                parse(message[:length])


@pytest.mark.parametrize(("size", "parse"), PARSERS)
@CHEAP
@given(data=st.data())
def test_what_is_read_is_written_back(
    size: int, parse: Callable[[bytes], Token | TokenRequest | TokenResponse], data: st.DataObject
) -> None:
    message = b"\x00\x02" + data.draw(st.binary(min_size=size - 2, max_size=size - 2))
    assert parse(message).to_bytes() == message


@pytest.mark.parametrize(("size", "parse"), PARSERS[:2])
@pytest.mark.parametrize("token_type", [0x0000, 0x0001, 0x0003, 0x0005, 0x0200, 0xDA7A, 0xFFFF])
def test_other_token_types_are_refused(
    size: int, parse: Callable[[bytes], Token | TokenRequest], token_type: int
) -> None:
    with pytest.raises(TokenError, match="token_type"):
        parse(token_type.to_bytes(2, "big") + bytes(size - 2))


@pytest.mark.parametrize("field", range(4))
@pytest.mark.parametrize("change", [-1, 1])
def test_messages_with_a_field_of_another_size_are_not_made(field: int, change: int) -> None:
    sizes = [32, 32, 32, 256]
    sizes[field] += change
    with pytest.raises(TokenError):
        Token(*(bytes(size) for size in sizes))
    if field < 3:
        with pytest.raises(TokenError):
            authenticator_input(2, *(bytes(size) for size in sizes[:3]))
    else:
        with pytest.raises(TokenError):
            TokenRequest(0, bytes(sizes[3]))
        with pytest.raises(TokenError):
            TokenResponse(bytes(sizes[3]))


@pytest.mark.parametrize("truncated", [-1, 256])
def test_truncated_key_id_is_one_byte(truncated: int) -> None:
    with pytest.raises(TokenError):
        TokenRequest(truncated, bytes(256))


def test_good_token_is_accepted() -> None:
    verify_token(spendable_token(), CHALLENGE.digest, token_key().public)
    verify_token(Token.from_bytes(spendable_token().to_bytes()), CHALLENGE.digest, token_key().public)


@pytest.mark.parametrize("position", range(TOKEN_SIZE))
def test_token_with_any_byte_changed_is_refused(position: int) -> None:
    changed = bytearray(spendable_token().to_bytes())
    changed[position] ^= 0x01
    with pytest.raises(TokenError):
        verify_token(Token.from_bytes(bytes(changed)), CHALLENGE.digest, token_key().public)


def test_token_is_bound_to_challenge_and_key() -> None:
    other_challenge = TokenChallenge(0x0002, "issuer.example", b"", "app.example")
    with pytest.raises(TokenError, match="challenge"):
        verify_token(spendable_token(), other_challenge.digest, token_key().public)
    with pytest.raises(TokenError, match="key"):
        verify_token(spendable_token(), CHALLENGE.digest, other_key().public)


def test_token_of_another_key_under_this_name_is_refused() -> None:
    token = spendable_token()
    relabelled = Token(token.nonce, token.challenge_digest, other_key().public.token_key_id, token.authenticator)
    with pytest.raises(TokenError, match="authenticator"):
        verify_token(relabelled, CHALLENGE.digest, other_key().public)


def test_issuer_answers_only_for_a_key_it_has() -> None:
    request, _ = create_token_request(CHALLENGE, token_key().public)
    with pytest.raises(TokenError, match="no key"):
        issue(request, {other_key().public.truncated_token_key_id: other_key()})


def test_issuer_refuses_a_blinded_message_out_of_range() -> None:
    key = token_key()
    truncated = key.public.truncated_token_key_id
    for block in (bytes(256), b"\xff" * 256, key.public.modulus.to_bytes(256, "big")):
        with pytest.raises(TokenError, match="out of range"):
            issue(TokenRequest(truncated, block), {truncated: key})


class DeadOperation:
    """A library that has stopped working."""

    def __init__(self, private_key: object) -> None:
        pass

    def private(self, block: bytes) -> bytes:
        raise BlindRsaError("refused")

    def public(self, block: bytes) -> bytes:
        return block


def test_trouble_of_the_issuer_is_not_blamed_on_the_request() -> None:
    dead = BlindRsaKey.from_pkcs8(token_key().to_pkcs8(), Backend("dead", "", DeadOperation))
    keys = {dead.public.truncated_token_key_id: dead}
    requests, _ = create_batch_request(CHALLENGE, dead.public, 2)
    with pytest.raises(SigningError):
        issue_batch(requests, keys)
    (request, _) = create_token_request(CHALLENGE, dead.public)
    with pytest.raises(SigningError):
        issue(request, keys)


@CHEAP
@given(position=st.integers(0, 255), bit=st.integers(0, 7))
def test_client_refuses_an_answer_with_a_flipped_bit(position: int, bit: int) -> None:
    key = token_key()
    request, pending = create_token_request(CHALLENGE, key.public)
    answer = bytearray(issue(request, {key.public.truncated_token_key_id: key}).blind_sig)
    answer[position] ^= 1 << bit
    with pytest.raises(TokenError):
        finalize_token(pending, TokenResponse(bytes(answer)))


def test_client_refuses_the_answer_of_another_key() -> None:
    request, pending = create_token_request(CHALLENGE, token_key().public)
    truncated = request.truncated_token_key_id
    smaller = TokenRequest(truncated, b"\x00" + request.blinded_msg[1:])
    with pytest.raises(TokenError):
        finalize_token(pending, issue(smaller, {truncated: other_key()}))


def test_client_refuses_a_challenge_of_another_type() -> None:
    with pytest.raises(TokenError, match="token type"):
        create_token_request(TokenChallenge(0x0001, "issuer.example"), token_key().public)


def test_requests_share_nothing_with_one_another_or_with_the_token() -> None:
    key = token_key()
    made = [create_token_request(CHALLENGE, key.public) for _ in range(8)]
    assert len({request.blinded_msg for request, _ in made}) == 8
    assert len({pending.nonce for _, pending in made}) == 8
    request, pending = made[0]
    response = issue(request, {key.public.truncated_token_key_id: key})
    spent = finalize_token(pending, response).to_bytes()
    seen_by_issuer = request.to_bytes() + response.to_bytes()
    windows = {seen_by_issuer[i : i + 8] for i in range(len(seen_by_issuer) - 7)}
    assert not any(spent[i : i + 8] in windows for i in range(len(spent) - 7))


def test_pending_token_does_not_show_its_blinding() -> None:
    _, pending = create_token_request(CHALLENGE, token_key().public)
    assert str(pending.inverse) not in repr(pending)
