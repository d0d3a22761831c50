"""The client of token type 0x0002: request tokens and finalize them (RFC 9578, sections 6.1 and 6.3)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from crypto import blind_rsa
from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.errors import BlindRsaError, TokenError
from crypto.privacy_pass import (
    NONCE_SIZE,
    TOKEN_TYPE_BLIND_RSA,
    Token,
    TokenRequest,
    TokenResponse,
    authenticator_input,
)
from crypto.privacy_pass_batch import (
    GenericBatchTokenRequest,
    GenericBatchTokenResponse,
    UnsupportedTokenResponse,
)
from crypto.privacy_pass_challenge import TokenChallenge


@dataclass(frozen=True, slots=True)
class PendingToken:
    """What a client keeps between request and answer. `inverse` links the two: it never leaves the client."""

    key: BlindRsaPublicKey
    nonce: bytes
    challenge_digest: bytes
    inverse: int = field(repr=False)

    @property
    def authenticator_input(self) -> bytes:
        """What the issuer is to sign without seeing it."""
        return authenticator_input(TOKEN_TYPE_BLIND_RSA, self.nonce, self.challenge_digest, self.key.token_key_id)


def create_token_request(challenge: TokenChallenge, key: BlindRsaPublicKey) -> tuple[TokenRequest, PendingToken]:
    """A request for one token that answers `challenge` (RFC 9578, section 6.1), with a fresh nonce.

    TokenError for a challenge of another token type."""
    salt = secrets.token_bytes(blind_rsa.PSS_DETERMINISTIC.salt_size)
    factor = blind_rsa.random_factor(key)
    return create_token_request_with(challenge, key, secrets.token_bytes(NONCE_SIZE), salt, factor)


def create_token_request_with(
    challenge: TokenChallenge, key: BlindRsaPublicKey, nonce: bytes, salt: bytes, factor: int
) -> tuple[TokenRequest, PendingToken]:
    """`create_token_request` with its randomness given: nonce (32), salt (48), factor (1 .. n - 1)."""
    if challenge.token_type != TOKEN_TYPE_BLIND_RSA:
        raise TokenError("challenge asks for another token type")
    signed = authenticator_input(TOKEN_TYPE_BLIND_RSA, nonce, challenge.digest, key.token_key_id)
    blinded = blind_rsa.blind_with(key, signed, salt, factor)
    pending = PendingToken(key, nonce, challenge.digest, blinded.inverse)
    return TokenRequest(key.truncated_token_key_id, blinded.blinded_message), pending


def finalize_token(pending: PendingToken, response: TokenResponse) -> Token:
    """The token out of the issuer's answer, verified (RFC 9578, section 6.3).

    TokenError when the answer is no signature by the key that was asked."""
    try:
        authenticator = blind_rsa.finalize(
            pending.key, pending.authenticator_input, response.blind_sig, pending.inverse
        )
    except BlindRsaError:
        raise TokenError("the issuer's answer does not finalize") from None
    return Token(pending.nonce, pending.challenge_digest, pending.key.token_key_id, authenticator)


def create_batch_request(
    challenge: TokenChallenge, key: BlindRsaPublicKey, count: int
) -> tuple[GenericBatchTokenRequest, tuple[PendingToken, ...]]:
    """Requests for `count` tokens (1 .. 100) in one message (batched-tokens-06, section 6.1)."""
    created = [create_token_request(challenge, key) for _ in range(count)]
    requests = GenericBatchTokenRequest(tuple(request for request, _ in created))
    return requests, tuple(pending for _, pending in created)


def finalize_batch(pending: Sequence[PendingToken], response: GenericBatchTokenResponse) -> tuple[Token | None, ...]:
    """The tokens out of a batch, None where the issuer gave no answer (batched-tokens-06, section 6.3).

    TokenError when the number of answers is another, or any answer does not finalize: an issuer that
    answers some requests with another key than the one it shows is marking its clients, so none of the
    tokens is good."""
    if len(response.token_responses) != len(pending):
        raise TokenError("the issuer gave another number of answers")
    return tuple(_finalize_optional(one, answer) for one, answer in zip(pending, response.token_responses, strict=True))


def _finalize_optional(pending: PendingToken, answer: TokenResponse | UnsupportedTokenResponse | None) -> Token | None:
    if answer is None:
        return None
    if isinstance(answer, UnsupportedTokenResponse):
        raise TokenError("the issuer answered with another token type")
    return finalize_token(pending, answer)
