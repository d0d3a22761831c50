"""Client assertions: `private_key_jwt` (OIDC Core, section 9; RFC 7523, section 3; RFC 7521, section 4.2).

Order is security:
 1 the type is the one there is       4 iss = sub = the client      7 not used before: one insert, last, so that
 2 the registered algorithm, a key    5 aud is this issuer alone      a refused assertion burns nothing
   of the client, a good signature    6 expires within five minutes
 3 typ is none or that of a client assertion
"""

from collections.abc import Mapping

from crypto.encoding import lp
from crypto.errors import CryptoError, JwtError
from crypto.jwt import check_claims, unverified_claims, verify_jwt
from idp.domain.client import Client
from idp.protocol.errors import InvalidClient, InvalidRequest
from idp.protocol.provider import Provider
from idp.services.clients import CLIENT_SIGNING_ALGS

METHOD = "private_key_jwt"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_LIFETIME = 300
"""Seconds an assertion may live (ASVS 10.4.16): so long it must be remembered."""

LEEWAY = 10
"""Seconds a client's clock may be ahead (FAPI 2.0 Security Profile, section 5.3.2.1)."""

TOKEN_ENDPOINT = "/token"
JTI_MAX = 256
_TYPES: frozenset[str | None] = frozenset({None, "JWT", "client-authentication+jwt"})


def unverified_client_id(form: Mapping[str, str]) -> str:
    """Whom a request with an assertion claims to come from, to choose whose keys verify it.

    InvalidRequest when `client_id` names another; InvalidClient when the assertion is not one (step 1).
    """
    assertion = form.get("client_assertion")
    if form.get("client_assertion_type") != ASSERTION_TYPE or assertion is None:
        raise InvalidClient("client authentication failed", "no assertion of a known type")
    try:
        unverified_subject = unverified_claims(assertion).get("sub")
    except CryptoError as error:
        raise InvalidClient("client authentication failed", str(error)) from error
    if not isinstance(unverified_subject, str):
        raise InvalidClient("client authentication failed", "assertion without sub")
    if form.get("client_id", unverified_subject) != unverified_subject:
        raise InvalidRequest("client_id differs from the authenticated client")
    return unverified_subject


def assertion_holds(provider: Provider, client: Client, assertion: str) -> bool:
    """Steps 2 to 7 for a client whose method this is; True once only for each assertion.

    Busy (503) when the client's keys cannot be waited for.
    """
    registered = client.token_endpoint_auth_signing_alg
    algorithms = frozenset(CLIENT_SIGNING_ALGS if registered is None else (registered,))
    now = provider.now()
    try:
        keys = provider.client_keys.finder(client)
        claims = verify_jwt(assertion, keys, algorithms=algorithms, typ=_TYPES).claims  # 2, 3
        if claims.get("sub") != client.id:  # 4
            raise JwtError("sub is not the client")
        # An audience in a list could be shared with another server, which could then use the assertion here.
        check_claims(  # 5, 6
            claims, now=now, issuer=client.id, audience=None, leeway=LEEWAY, sole_audience=True,
            max_lifetime=MAX_LIFETIME,
        )  # fmt: skip
        if claims.get("aud") not in _audiences(provider, client):
            raise JwtError("aud is not this issuer")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 1 <= len(jti) <= JTI_MAX:
            raise JwtError("jti is missing")
    except CryptoError:
        return False
    seen = lp(client.id, jti)
    forgotten_at = int(claims["exp"]) + LEEWAY + 1
    return provider.realm.store.write(lambda tx: tx.spent.claim("assertion", seen, forgotten_at), seen)  # 7


def _audiences(provider: Provider, client: Client) -> tuple[str, ...]:
    """Older clients name the token endpoint (RFC 7523, section 3); under FAPI 2.0 it is the issuer only."""
    if client.fapi:
        return (provider.issuer,)
    return provider.issuer, provider.issuer + TOKEN_ENDPOINT
