"""Tokens of a grant: access token, ID token and refresh token, in one answer (RFC 6749, 5.1; OIDC Core, 3.1.3.3)."""

from typing import Any

from crypto.jwt import half_hash
from idp.domain.account import AgeRecord
from idp.domain.client import Client
from idp.domain.grant import Grant
from idp.domain.scope import OFFLINE_ACCESS, OPENID, format_scope, parse_scope
from idp.domain.value import value
from idp.protocol.access_token import AccessToken, seal_access_token
from idp.protocol.claims import Disclosure, age_claims, requested_for, session_until
from idp.protocol.errors import InvalidGrant
from idp.protocol.jwt_access_token import make_jwt_access_token
from idp.protocol.provider import Provider
from idp.protocol.refresh_token import make_refresh_token


@value
class Issue:
    """What one token answer is made from: `scope` and DPoP key (`jkt`) of this access token; `nonce` of the code.

    `refresh_token` is one that would be made again as it is.
    """

    client: Client
    grant: Grant
    scope: frozenset[str]
    age: AgeRecord | None
    nonce: str | None
    generation: int
    jkt: str | None = None
    resource: str | None = None
    refresh_token: str | None = None


def issue_tokens(provider: Provider, issue: Issue, now: int) -> dict[str, Any]:
    """The token answer's members. Nothing is stored: the caller claims or checks the grant, else drops the answer.

    InvalidGrant when a minor's curfew leaves no time for a token.
    """
    lifetime = access_lifetime(provider, issue, now)
    grant, scope = issue.grant, issue.scope
    token = AccessToken(grant.id, now, now + lifetime, issue.client.id, format_scope(scope), issue.jkt)
    if issue.resource is None:
        access_token = seal_access_token(provider, token)
    else:
        access_token = make_jwt_access_token(provider, token, grant.subject, issue.resource)
    answer: dict[str, Any] = {
        "access_token": access_token,
        "token_type": "DPoP" if issue.jkt else "Bearer",
        "expires_in": lifetime,
        "scope": format_scope(scope),
    }
    if may_refresh(issue.client):
        # A public client's refresh token dies with its key (RFC 9449, section 5); a confidential one authenticates.
        bound_to = issue.jkt if issue.client.public else None
        answer["refresh_token"] = issue.refresh_token or make_refresh_token(
            provider, grant.id, issue.generation, issue.client.id, bound_to
        )
    if OPENID in scope:
        answer["id_token"] = _id_token(provider, issue, access_token, now, lifetime)
    return answer


def may_refresh(client: Client) -> bool:
    """Whether this client gets refresh tokens."""
    return "refresh_token" in client.grant_types


def grant_lifetime(provider: Provider, scope: str, session_expires_at: int, now: int) -> int:
    """When a grant ends at the latest (epoch seconds): an offline one after 90 days, else with its session."""
    if OFFLINE_ACCESS in parse_scope(scope):
        return now + provider.lifetimes.grant
    return session_expires_at


def access_lifetime(provider: Provider, issue: Issue, now: int) -> int:
    """Seconds an access token may live; InvalidGrant when grant or curfew leave none."""
    until = session_until(provider, issue.client, issue.age, now)
    lifetime = min(provider.lifetimes.access_token, issue.grant.expires_at - now)
    if until is not None:
        lifetime = min(lifetime, until - now)
    if lifetime <= 0:
        raise InvalidGrant("the grant has ended", "curfew or expiry")
    return lifetime


def _id_token(provider: Provider, issue: Issue, access_token: str, now: int, access_lifetime: int) -> str:
    client, grant = issue.client, issue.grant
    alg = client.id_token_signed_response_alg
    claims: dict[str, Any] = {
        "iss": provider.issuer,
        "sub": grant.subject,
        "aud": client.id,
        "exp": now + provider.lifetimes.id_token,
        "iat": now,
    }
    if issue.nonce is not None:
        claims["nonce"] = issue.nonce
    if grant.shown_auth_time is not None:
        claims["auth_time"] = grant.shown_auth_time
    if grant.acr is not None:
        claims["acr"] = grant.acr
    if grant.sid is not None:
        claims["sid"] = grant.sid
    claims["at_hash"] = half_hash(alg, access_token)
    requested = requested_for(grant.claims_request, "id_token")
    claims.update(age_claims(provider, Disclosure(client, issue.scope, requested, issue.age), now))
    if "session_until" in claims:
        claims["exp"] = now + min(provider.lifetimes.id_token, access_lifetime)
    return provider.keys.signer(alg).sign(claims)
