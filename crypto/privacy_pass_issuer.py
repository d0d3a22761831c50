"""The issuer of Privacy Pass tokens of type 0x0002: signs what it cannot read (RFC 9578, section 6.2)."""

from collections.abc import Mapping

from crypto.blind_rsa import SigningError, blind_sign
from crypto.blind_rsa_keys import BlindRsaKey
from crypto.errors import BlindRsaError, TokenError
from crypto.privacy_pass import TokenRequest, TokenResponse
from crypto.privacy_pass_batch import (
    GenericBatchTokenRequest,
    GenericBatchTokenResponse,
    UnsupportedTokenRequest,
)


def issue(request: TokenRequest, keys: Mapping[int, BlindRsaKey]) -> TokenResponse:
    """Answer one request with the key it names; `keys` is by truncated_token_key_id (RFC 9578, section 6.2).

    Raises TokenError, for status 422, when no such key is there or the blinded message is out of range; a
    SigningError is the issuer's own trouble."""
    key = keys.get(request.truncated_token_key_id)
    if key is None:
        raise TokenError("truncated_token_key_id names no key")
    try:
        return TokenResponse(blind_sign(key, request.blinded_msg))
    except SigningError:
        raise
    except BlindRsaError:
        raise TokenError("blinded_msg is out of range") from None


def issue_batch(request: GenericBatchTokenRequest, keys: Mapping[int, BlindRsaKey]) -> GenericBatchTokenResponse:
    """Answer a generic batch in its order (draft-ietf-privacypass-batched-tokens-06, section 6.2).

    What `issue` refuses, and every other token type, becomes an absent answer; SigningError ends the
    batch."""
    return GenericBatchTokenResponse(tuple(_issue_or_refuse(entry, keys) for entry in request.token_requests))


def _issue_or_refuse(
    entry: TokenRequest | UnsupportedTokenRequest, keys: Mapping[int, BlindRsaKey]
) -> TokenResponse | None:
    if isinstance(entry, UnsupportedTokenRequest):
        return None
    try:
        return issue(entry, keys)
    except TokenError:
        return None
