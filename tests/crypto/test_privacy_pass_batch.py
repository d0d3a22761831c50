"""Generic batch issuance (draft-ietf-privacypass-batched-tokens-06, section 6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import TokenError
from crypto.privacy_pass import TokenRequest, TokenResponse, verify_token
from crypto.privacy_pass_batch import (
    BATCH_MAX,
    GENERIC_BATCH_REQUEST_MAX,
    GenericBatchTokenRequest,
    GenericBatchTokenResponse,
    UnsupportedTokenRequest,
    UnsupportedTokenResponse,
)
from crypto.privacy_pass_client import create_batch_request, finalize_batch
from crypto.privacy_pass_issuer import issue_batch
from crypto.tls_presentation import encode_varint
from tests.crypto.cheap import CHEAP
from tests.crypto.token_keys import BACKENDS, CHALLENGE, other_key, token_key


def filled(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=1, max_size=1).map(lambda byte: byte * size)


REQUESTS = st.one_of(
    st.builds(TokenRequest, st.integers(0, 255), filled(256)),
    st.builds(UnsupportedTokenRequest, st.just(0x0001), filled(50)),
    st.builds(UnsupportedTokenRequest, st.just(0x0005), filled(33)),
)
RESPONSES = st.one_of(
    st.none(),
    st.builds(TokenResponse, filled(256)),
    st.builds(UnsupportedTokenResponse, st.just(0x0001), filled(145)),
    st.builds(UnsupportedTokenResponse, st.just(0x0005), filled(96)),
)


def vector(*entries: bytes) -> bytes:
    body = b"".join(entries)
    return encode_varint(len(body)) + body


@CHEAP
@given(requests=st.lists(REQUESTS, min_size=1, max_size=BATCH_MAX).map(tuple))
def test_request_survives_its_bytes(requests: tuple[TokenRequest | UnsupportedTokenRequest, ...]) -> None:
    batch = GenericBatchTokenRequest(requests)
    assert GenericBatchTokenRequest.from_bytes(batch.to_bytes()) == batch


@CHEAP
@given(responses=st.lists(RESPONSES, min_size=1, max_size=BATCH_MAX).map(tuple))
def test_response_survives_its_bytes(
    responses: tuple[TokenResponse | UnsupportedTokenResponse | None, ...],
) -> None:
    batch = GenericBatchTokenResponse(responses)
    assert GenericBatchTokenResponse.from_bytes(batch.to_bytes()) == batch
    assert batch.issued == len(responses) - responses.count(None)


@CHEAP
@given(data=st.binary(max_size=300), tail=st.binary(min_size=1, max_size=4))
def test_bytes_more_or_less_are_refused(data: bytes, tail: bytes) -> None:
    request = GenericBatchTokenRequest((TokenRequest(1, bytes(256)), UnsupportedTokenRequest(5, bytes(33))))
    response = GenericBatchTokenResponse((None, TokenResponse(bytes(256))))
    for batch in (request, response):
        message = batch.to_bytes()
        for wrong in (message + tail, message[: -len(tail)], message[:3], tail[:1] + message):
            with pytest.raises(TokenError):
                type(batch).from_bytes(wrong)
    for parse in (GenericBatchTokenRequest.from_bytes, GenericBatchTokenResponse.from_bytes):
        try:
            assert parse(data).to_bytes() == data
        except TokenError:
            pass


@pytest.mark.parametrize("token_type", [0x0000, 0x0003, 0x0004, 0xDA7A, 0x0200, 0xFFFF])
def test_unregistered_token_type_refuses_the_whole_batch(token_type: int) -> None:
    good = TokenRequest(1, bytes(256)).to_bytes()
    unknown = token_type.to_bytes(2, "big") + bytes(257)
    with pytest.raises(TokenError, match="not registered"):
        GenericBatchTokenRequest.from_bytes(vector(good, unknown))
    with pytest.raises(TokenError, match="not registered"):
        GenericBatchTokenResponse.from_bytes(vector(b"\x01" + unknown))


@pytest.mark.parametrize("present", range(2, 256, 23))
def test_presence_octet_other_than_0_and_1_is_malformed(present: int) -> None:
    with pytest.raises(TokenError, match="present"):
        GenericBatchTokenResponse.from_bytes(vector(bytes((present,)), b"\x00\x02", bytes(256)))


def test_length_must_be_in_its_shortest_form() -> None:
    good = UnsupportedTokenRequest(5, bytes(33)).to_bytes()
    assert len(GenericBatchTokenRequest.from_bytes(bytes((len(good),)) + good).token_requests) == 1
    with pytest.raises(TokenError, match="shortest"):
        GenericBatchTokenRequest.from_bytes((0x4000 | len(good)).to_bytes(2, "big") + good)


def test_empty_batch_is_refused() -> None:
    for parse in (GenericBatchTokenRequest.from_bytes, GenericBatchTokenResponse.from_bytes):
        for empty in (b"", b"\x00"):
            with pytest.raises(TokenError):
                parse(empty)
    with pytest.raises(TokenError):
        GenericBatchTokenRequest(())


def test_batch_of_one_hundred_passes_and_of_one_more_does_not() -> None:
    request = TokenRequest(1, bytes(256))
    full = GenericBatchTokenRequest((request,) * BATCH_MAX).to_bytes()
    assert len(full) == GENERIC_BATCH_REQUEST_MAX == 4 + 100 * 259
    assert len(GenericBatchTokenRequest.from_bytes(full).token_requests) == 100
    small = UnsupportedTokenRequest(5, bytes(33)).to_bytes()
    for one_more in (vector(*[request.to_bytes()] * 101), vector(*[small] * 101)):
        with pytest.raises(TokenError):
            GenericBatchTokenRequest.from_bytes(one_more)
    with pytest.raises(TokenError):
        GenericBatchTokenRequest((request,) * 101)
    with pytest.raises(TokenError):
        GenericBatchTokenResponse.from_bytes(vector(bytes(101)))


@pytest.mark.parametrize("backend_name", BACKENDS)
def test_batch_of_thirty_two_gives_thirty_two_good_tokens(backend_name: str) -> None:
    key = token_key(backend_name)
    request, pending = create_batch_request(CHALLENGE, key.public, 32)
    received = GenericBatchTokenRequest.from_bytes(request.to_bytes())
    answer = issue_batch(received, {key.public.truncated_token_key_id: key})
    tokens = finalize_batch(pending, GenericBatchTokenResponse.from_bytes(answer.to_bytes()))
    assert answer.issued == 32
    assert len({token.nonce for token in tokens if token is not None}) == 32
    for token in tokens:
        assert token is not None
        verify_token(token, CHALLENGE.digest, key.public)


def test_issuer_answers_what_it_can_in_order() -> None:
    key = token_key()
    truncated = key.public.truncated_token_key_id
    request, pending = create_batch_request(CHALLENGE, key.public, 2)
    mixed = GenericBatchTokenRequest(
        (
            UnsupportedTokenRequest(0x0001, bytes(50)),
            request.token_requests[0],
            TokenRequest(other_key().public.truncated_token_key_id, bytes(256)),
            TokenRequest(truncated, b"\xff" * 256),
            request.token_requests[1],
        )
    )
    answers = issue_batch(mixed, {truncated: key}).token_responses
    assert [answer is not None for answer in answers] == [False, True, False, False, True]
    ours = GenericBatchTokenResponse((answers[1], answers[4]))
    assert None not in finalize_batch(pending, ours)
    # Answers in another order are answers to other requests.
    with pytest.raises(TokenError):
        finalize_batch(pending, GenericBatchTokenResponse((answers[4], answers[1])))


def test_client_keeps_what_was_issued_and_knows_what_was_not() -> None:
    key = token_key()
    request, pending = create_batch_request(CHALLENGE, key.public, 2)
    answers = issue_batch(request, {key.public.truncated_token_key_id: key}).token_responses
    tokens = finalize_batch(pending, GenericBatchTokenResponse((None, answers[1])))
    assert tokens[0] is None
    assert tokens[1] is not None
    verify_token(tokens[1], CHALLENGE.digest, key.public)


def test_one_answer_by_another_key_spoils_the_whole_batch() -> None:
    key = token_key()
    request, pending = create_batch_request(CHALLENGE, key.public, 3)
    truncated = key.public.truncated_token_key_id
    answers = list(issue_batch(request, {truncated: key}).token_responses)
    marked = issue_batch(
        GenericBatchTokenRequest((TokenRequest(truncated, b"\x00" + bytes(254) + b"\x02"),)),
        {truncated: other_key()},
    )
    answers[1] = marked.token_responses[0]
    with pytest.raises(TokenError):
        finalize_batch(pending, GenericBatchTokenResponse(tuple(answers)))


def test_client_refuses_another_number_or_type_of_answers() -> None:
    key = token_key()
    request, pending = create_batch_request(CHALLENGE, key.public, 1)
    (answer,) = issue_batch(request, {key.public.truncated_token_key_id: key}).token_responses
    for answers in ((answer, answer), (UnsupportedTokenResponse(0x0001, bytes(145)),)):
        with pytest.raises(TokenError):
            finalize_batch(pending, GenericBatchTokenResponse(answers))


@pytest.mark.parametrize("count", [0, 101])
def test_client_does_not_ask_for_none_or_too_many(count: int) -> None:
    with pytest.raises(TokenError):
        create_batch_request(CHALLENGE, token_key().public, count)
