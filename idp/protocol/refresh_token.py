"""Refresh tokens: a grant's name, its generation and a MAC; no token is stored (RFC 9700, section 4.14.2).

`b64url(grant id (16) || generation (4) || HMAC-SHA-256(refresh key, lp(key version, issuer, client id,
DPoP thumbprint or "", grant id, generation))[:20])`.
"""

import hmac

from crypto.encoding import b64url_decode, b64url_encode, lp
from crypto.errors import EncodingError
from idp.domain.value import value
from idp.protocol.errors import InvalidGrant
from idp.protocol.provider import Provider

ID_BYTES, GENERATION_BYTES, MAC_BYTES = 16, 4, 20


@value
class RefreshToken:
    """What a token with a right MAC says: which grant (16 bytes), which generation of it.

    `newest`: made under the newest entry of the ring, so that it would be made again as it is.
    """

    grant_id: bytes
    generation: int
    newest: bool = False


def make_refresh_token(
    provider: Provider, grant_id: bytes, generation: int, client_id: str, jkt: str | None
) -> str:
    """The token of one generation; the same arguments and key ring give the same token."""
    body = grant_id + generation.to_bytes(GENERATION_BYTES, "big")
    return b64url_encode(body + _mac(provider, provider.realm.ring.newest.id, body, client_id, jkt))


def open_refresh_token(provider: Provider, text: str, client_id: str, jkt: str | None) -> RefreshToken:
    """The token's content if its MAC is right for this client and DPoP key, else InvalidGrant."""
    try:
        data = b64url_decode(text)
    except EncodingError as error:
        raise InvalidGrant("the refresh token is not valid", str(error)) from error
    if len(data) != ID_BYTES + GENERATION_BYTES + MAC_BYTES:
        raise InvalidGrant("the refresh token is not valid", "wrong length")
    body, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
    # Newest first; older ring entries still open what they made.
    for entry in reversed(provider.realm.ring.entries):
        if hmac.compare_digest(mac, _mac(provider, entry.id, body, client_id, jkt)):
            newest = entry is provider.realm.ring.newest
            return RefreshToken(body[:ID_BYTES], int.from_bytes(body[ID_BYTES:], "big"), newest)
    raise InvalidGrant("the refresh token is not valid", "wrong MAC, client or DPoP key")


def _mac(provider: Provider, ring_id: bytes, body: bytes, client_id: str, jkt: str | None) -> bytes:
    key = provider.realm.ring.derive("refresh", ring_id)
    message = lp(ring_id, provider.issuer, client_id, jkt or "", body[:ID_BYTES], body[ID_BYTES:])
    return hmac.digest(key, message, "sha256")[:MAC_BYTES]
