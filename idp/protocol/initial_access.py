"""Initial access tokens: what a trusted registrar registers apps with (RFC 7591, section 3).

Sealed and self-contained, so that nothing is stored; good for any number of apps until it expires.
"""

from dataclasses import dataclass

import orjson

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError
from idp.protocol.errors import InvalidToken
from idp.protocol.provider import Provider

_AD = b"initial-access-token/v1"


@dataclass(frozen=True, slots=True)
class InitialAccess:
    """Who registers. `registrar` owns what is registered; `expires_at` epoch seconds.

    `require_pkce` is what holds for a client that says nothing about it (conformance row 40).
    """

    registrar: str
    expires_at: int
    require_pkce: bool = True


def seal_initial_access(provider: Provider, access: InitialAccess) -> str:
    """The token as the registrar gets it."""
    plaintext = orjson.dumps([access.registrar, access.expires_at, access.require_pkce])
    return b64url_encode(provider.access_tokens.seal(plaintext, _AD))


def open_initial_access(provider: Provider, text: str) -> InitialAccess:
    """The inverse of `seal_initial_access`; InvalidToken for anything not ours, or expired."""
    try:
        plaintext = provider.access_tokens.open(b64url_decode(text), _AD)
    except CryptoError as error:
        raise InvalidToken("the initial access token is not valid", str(error)) from error
    access = InitialAccess(*orjson.loads(plaintext))
    if provider.now() >= access.expires_at:
        raise InvalidToken("the initial access token has expired")
    return access
