"""Request objects by value (RFC 9101): only what the client signed counts.

Order is security: 1 signed by one of the client's keys, never `none`; 2 iss is the client, aud this issuer, in time;
3 its client_id is the client's; 4 no request within the request; 5 its members become the parameters, the others go.
"""

from typing import Any

import orjson

from crypto.errors import CryptoError
from crypto.jwt import check_claims, verify_jwt
from idp.domain.client import Client
from idp.protocol.authorization.request import UnverifiedRequest
from idp.protocol.errors import InvalidRequestObject
from idp.protocol.provider import Provider

ALGORITHMS = ("ES256", "EdDSA", "Ed25519", "RS256")
TYPES: frozenset[str | None] = frozenset({None, "JWT", "oauth-authz-req+jwt"})
MAX_LIFETIME = 3600
LEEWAY = 30
_OF_THE_JWT = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})
_NESTED = frozenset({"request", "request_uri"})


def unfold_request_object(
    provider: Provider, client: Client, unverified: UnverifiedRequest, request_object: str
) -> UnverifiedRequest:
    """The parameters a request object carries; InvalidRequestObject (a page) when any step fails."""
    try:
        keys = provider.client_keys.finder(client)
        claims = verify_jwt(request_object, keys, algorithms=frozenset(ALGORITHMS), typ=TYPES).claims  # 1
        check_claims(  # 2
            claims, now=provider.now(), issuer=client.id, audience=provider.issuer, leeway=LEEWAY,
            max_lifetime=MAX_LIFETIME,
        )  # fmt: skip
    except CryptoError as error:
        raise InvalidRequestObject("the request object is not valid", str(error)) from error
    if claims.get("client_id") != client.id:  # 3
        raise InvalidRequestObject("the request object names another client")
    if _NESTED & claims.keys():  # 4
        raise InvalidRequestObject("a request object holds no other")
    pairs = tuple((name, _text(value)) for name, value in claims.items() if name not in _OF_THE_JWT)  # 5
    return UnverifiedRequest(pairs, pushed=unverified.pushed, dpop_jkt=unverified.dpop_jkt)


def _text(value: Any) -> str:
    """A member as the parameter it stands for: text, a whole number, or an object such as `claims`."""
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    raise InvalidRequestObject("a member of the request object has no parameter's type")
