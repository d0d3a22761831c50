"""Pushed authorization requests (RFC 9126): checked when pushed, sealed into the request URI, used once.

The pushed request is not stored: the URI carries it sealed, bound to its client and its 60 seconds, and one insert at
its use makes it single. So a push costs no write, and any node can take it up.
"""

import secrets

import orjson

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError
from idp.protocol.authorization.request import UnverifiedRequest
from idp.protocol.errors import InvalidRequestUri
from idp.protocol.provider import Provider

URN = "urn:ietf:params:oauth:request_uri:"
LIFETIME_SECONDS = 60
_AD = b"pushed-authorization-request/v1"
_ID_BYTES = 16


def seal_pushed(provider: Provider, client_id: str, pairs: tuple[tuple[str, str], ...], dpop_jkt: str | None) -> str:
    """The `request_uri` of a checked request; it holds `client_id`, the parameters and the proven DPoP key."""
    document = [client_id, provider.now() + LIFETIME_SECONDS, pairs, dpop_jkt]
    sealed = provider.codes.seal(secrets.token_bytes(_ID_BYTES) + orjson.dumps(document), _AD)
    return URN + b64url_encode(sealed)


def take_up(provider: Provider, request_uri: str, client_id: str) -> UnverifiedRequest:
    """The pushed parameters, once; InvalidRequestUri when unknown, expired, used, or of another client."""
    try:
        opened = provider.codes.open(b64url_decode(request_uri.removeprefix(URN)), _AD)
    except CryptoError as error:
        raise InvalidRequestUri("request_uri is not valid", str(error)) from error
    request_id = opened[:_ID_BYTES]
    owner, expires_at, pairs, dpop_jkt, *_ = orjson.loads(opened[_ID_BYTES:])
    if owner != client_id or provider.now() >= expires_at:
        raise InvalidRequestUri("request_uri is not valid", "expired or of another client")
    # After its expiry the URI is refused for its age; housekeeping keeps the marker for as long as clocks may differ.
    if not provider.realm.store.write(lambda tx: tx.spent.claim("par", request_id, expires_at), request_id):
        raise InvalidRequestUri("request_uri has been used")
    return UnverifiedRequest(tuple((name, value) for name, value in pairs), pushed=True, dpop_jkt=dpop_jkt)
