"""Access tokens: sealed, opaque, five minutes; they name a grant, and the grant says what still holds."""

import orjson

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError
from idp.domain.value import value
from idp.protocol.errors import InvalidToken
from idp.protocol.provider import Provider

_AD = b"access-token/v1"
_REFERENCE_AD = b"access-token-reference/v1"
_HEAD = 16 + 8


@value
class AccessToken:
    """`grant_id` 16 bytes; `scope` may be narrower than the grant's; `jkt` of a DPoP key; epoch seconds."""

    grant_id: bytes
    issued_at: int
    expires_at: int
    client_id: str
    scope: str
    jkt: str | None = None


def seal_access_token(provider: Provider, token: AccessToken) -> str:
    """The token as the app gets it."""
    return _seal(provider, token, _AD)


def open_access_token(provider: Provider, text: str) -> AccessToken:
    """The inverse of `seal_access_token`; InvalidToken for anything not ours. Expiry is the caller's check."""
    return _open(provider, text, _AD)


def seal_reference(provider: Provider, token: AccessToken) -> str:
    """What stands in a JWT access token to find its grant by: it opens nothing at our own endpoints."""
    return _seal(provider, token, _REFERENCE_AD)


def open_reference(provider: Provider, text: str) -> AccessToken:
    """The inverse of `seal_reference`; InvalidToken for anything else."""
    return _open(provider, text, _REFERENCE_AD)


def _seal(provider: Provider, token: AccessToken, ad: bytes) -> str:
    head = token.grant_id + token.issued_at.to_bytes(4, "big") + token.expires_at.to_bytes(4, "big")
    tail = orjson.dumps([token.client_id, token.scope, token.jkt])
    return b64url_encode(provider.access_tokens.seal(head + tail, ad))


def _open(provider: Provider, text: str, ad: bytes) -> AccessToken:
    try:
        plaintext = provider.access_tokens.open(b64url_decode(text), ad)
    except CryptoError as error:
        raise InvalidToken("the access token is not valid", str(error)) from error
    # Here and wherever a sealed value is opened: a later version, beside this one, may add members at the end.
    client_id, scope, jkt, *_ = orjson.loads(plaintext[_HEAD:])
    issued_at, expires_at = plaintext[16:20], plaintext[20:24]
    return AccessToken(
        plaintext[:16], int.from_bytes(issued_at, "big"), int.from_bytes(expires_at, "big"), client_id, scope, jkt
    )
