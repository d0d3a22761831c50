"""UserInfo (OIDC Core, section 5.3): the same `sub` and the same few claims, computed anew."""

from typing import Any

from idp.domain.scope import OPENID, parse_scope
from idp.protocol.bearer import authorize
from idp.protocol.claims import Disclosure, age_claims, requested_for
from idp.protocol.errors import MethodNotAllowed
from idp.protocol.message import NO_STORE, Request, Response, json_response
from idp.protocol.provider import Provider

JWT = "application/jwt"


def answer_userinfo(provider: Provider, request: Request) -> Response:
    """Answer GET and POST /userinfo; signed where the client registered it (OIDC Core, 5.3.2)."""
    if request.method not in ("GET", "POST"):
        raise MethodNotAllowed("GET, POST")
    found = authorize(provider, request, OPENID)
    now = provider.now()
    claims: dict[str, Any] = {"sub": found.grant.subject}
    requested = requested_for(found.grant.claims_request, "userinfo")
    scope = parse_scope(found.token.scope)
    claims.update(age_claims(provider, Disclosure(found.client, scope, requested, found.standing.age), now))
    alg = found.client.userinfo_signed_response_alg
    if alg is None:
        return json_response(claims)
    signed = {"iss": provider.issuer, "aud": found.client.id, **claims}
    return Response(200, provider.keys.signer(alg).sign(signed).encode("ascii"), JWT, NO_STORE)
