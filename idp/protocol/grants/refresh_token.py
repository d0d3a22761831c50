"""The refresh token grant (RFC 6749, section 6; RFC 9700, section 4.14).

Order is security:
 1 the MAC is right for this client    3 account, consent, session live    5 public clients: rotation claimed, once
 2 the grant exists, is not revoked    4 the scope is no wider             6 or the lost answer is given again
Confidential clients are authenticated at every refresh and do not rotate (OAuth 2.1, section 4.3.1).
"""

from dataclasses import replace
from typing import Any

from authlib.oauth2.rfc6749 import BaseGrant, TokenEndpointMixin

from idp.domain.client import Client
from idp.domain.grant import REFRESH_GRACE_SECONDS, Grant, Standing
from idp.domain.ports import Transaction
from idp.domain.scope import parse_scope
from idp.protocol.errors import InvalidGrant, InvalidRequest, InvalidScope
from idp.protocol.provider import Provider
from idp.protocol.refresh_token import RefreshToken, open_refresh_token
from idp.protocol.server import TokenRequest, bound_key, target
from idp.protocol.token_issuance import Issue, access_lifetime, issue_tokens


class RefreshTokenGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib carries no types
    """Make new tokens from a grant that still holds."""

    GRANT_TYPE = "refresh_token"

    def validate_token_request(self) -> None:
        """Step 1."""
        request: TokenRequest = self.request
        text = request.form.get("refresh_token")
        if text is None:
            raise InvalidRequest("refresh_token is missing")
        self._jkt = bound_key(self._provider, request)
        bound_to = self._jkt if request.client.public else None
        self._token = open_refresh_token(self._provider, text, request.client.id, bound_to)  # 1

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Steps 2 to 6."""
        provider, request, token = self._provider, self.request, self._token
        now = provider.now()
        grant, standing = _living_grant(provider, request.client, token, now)  # 2, 3
        scope = _narrowed(grant, request.form.get("scope"))  # 4
        resource = target(request.client, grant.resource, request.form)
        if grant.jkt is not None and self._jkt is None:
            raise InvalidGrant("the grant is bound to a DPoP key")
        kept = request.form["refresh_token"] if token.newest and not request.client.public else None
        issue = Issue(request.client, grant, scope, standing.age, None, grant.generation, self._jkt, resource, kept)
        # Before the rotation: a token refused for the hour must still be good when the window opens.
        access_lifetime(provider, issue, now)
        if request.client.public:
            issue = replace(issue, generation=_rotate(provider, grant, token, now))  # 5, 6
        elif token.generation != grant.generation:
            raise InvalidGrant("the refresh token is not valid", "generation of a client that does not rotate")
        return 200, issue_tokens(provider, issue, now), []

    @property
    def _provider(self) -> Provider:
        provider: Provider = self.server.provider
        return provider


def _living_grant(
    provider: Provider, client: Client, token: RefreshToken, now: int
) -> tuple[Grant, Standing]:
    found = provider.realm.store.read(lambda tx: tx.grants.with_standing(token.grant_id, now))
    if found is None:
        raise InvalidGrant("the refresh token is not valid", "no such grant")
    grant, standing = found
    if grant.client_id != client.id or grant.revoked_at is not None or now >= grant.expires_at:
        raise InvalidGrant("the refresh token is not valid", "revoked, expired or of another client")
    if client.public and now >= (grant.rotated_at or grant.created_at) + provider.lifetimes.grant_idle:
        raise InvalidGrant("the refresh token is not valid", "not used for too long")
    if not standing.serves(client):
        raise InvalidGrant("the grant has ended", "account, consent or session")
    return grant, standing


def _narrowed(grant: Grant, asked: str | None) -> frozenset[str]:
    """The scope of the new access token: the grant's, or less; the refresh token keeps the whole (RFC 6749, 6)."""
    if asked is None:
        return grant.scope
    scope = parse_scope(asked)
    if not scope or not scope <= grant.scope:
        raise InvalidScope("scope is wider than what was granted")
    return scope


def _rotate(provider: Provider, grant: Grant, token: RefreshToken, now: int) -> int:
    """The generation to hand out. The previous one again within 30 s, its successor unused: the same successor.

    Anything else that is not the current generation is a stolen token or its victim: the whole grant is revoked.
    """
    store = provider.realm.store

    def claim(tx: Transaction) -> tuple[bool, Grant | None]:
        won = tx.grants.claim_rotation(grant.id, token.generation, now)
        return won, None if won else tx.grants.get(grant.id)

    won, current = store.write(claim, grant.id)
    if won:
        return token.generation + 1
    lost_answer = (
        current is not None
        and current.revoked_at is None
        and current.generation == token.generation + 1
        and current.rotated_at is not None
        and now <= current.rotated_at + REFRESH_GRACE_SECONDS
    )
    if lost_answer:
        return token.generation + 1
    store.write(lambda tx: tx.grants.revoke(grant.id, now), grant.id)
    raise InvalidGrant("the refresh token has been used", "reuse: grant revoked")
