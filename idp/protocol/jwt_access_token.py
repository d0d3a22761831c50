"""JWT access tokens (RFC 9068) for a named resource (RFC 8707): verified off line there, never accepted here.

`jti` is a sealed reference to the grant: random to everybody else, and what introspection and revocation find it by.
"""

from crypto.errors import CryptoError
from crypto.jwt import verify_jwt
from idp.protocol.access_token import AccessToken, open_reference, seal_reference
from idp.protocol.errors import InvalidToken
from idp.protocol.key_set import check_once_valid
from idp.protocol.provider import Provider

TYP = "at+jwt"
ALG = "RS256"
"""RFC 9068, section 2.1: every resource server understands it."""


def make_jwt_access_token(provider: Provider, token: AccessToken, subject: str, resource: str) -> str:
    """The signed form of `token` for `resource`; `subject` is the client's pairwise one (RFC 9068, section 6)."""
    claims: dict[str, object] = {
        "iss": provider.issuer,
        "sub": subject,
        "aud": resource,
        "client_id": token.client_id,
        "scope": token.scope,
        "iat": token.issued_at,
        "exp": token.expires_at,
        "jti": seal_reference(provider, token),
    }
    if token.jkt is not None:
        claims["cnf"] = {"jkt": token.jkt}
    return provider.keys.signer(ALG).sign(claims, typ=TYP)


def open_jwt_access_token(provider: Provider, text: str) -> tuple[AccessToken, str]:
    """A token we signed, and its resource; InvalidToken for anything else. Expiry is the caller's check."""
    try:
        verified = verify_jwt(text, provider.keys.find, algorithms=frozenset({ALG}), typ=frozenset({TYP}))
        claims = verified.claims
        check_once_valid(claims, now=provider.now(), issuer=provider.issuer, audience=None)
    except CryptoError as error:
        raise InvalidToken("the access token is not valid", str(error)) from error
    return open_reference(provider, str(claims.get("jti"))), str(claims.get("aud"))
