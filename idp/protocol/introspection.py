"""Token introspection (RFC 7662): whether one of the caller's own tokens still holds, and nothing more.

Order is security; every no is exactly `{"active": false}` (section 2.2):
 1 the caller proves who it is        3 not expired, right generation
 2 the token was made for it          4 grant, account, consent, session alive
"""

from typing import Any

from idp.domain.client import Client
from idp.domain.grant import Grant, Standing
from idp.domain.ports import Transaction
from idp.domain.scope import format_scope
from idp.protocol.client_authentication import authenticate_client
from idp.protocol.errors import InvalidClient, InvalidRequest
from idp.protocol.held_token import HeldToken, read_held_token
from idp.protocol.message import NO_STORE, Request, Response, json_response
from idp.protocol.provider import Provider
from idp.protocol.token import machine_form

INACTIVE = {"active": False}
SIGNED = "application/token-introspection+jwt"


def answer_introspection(provider: Provider, request: Request) -> Response:
    """Answer POST /introspect for a confidential client (RFC 7662, 2.1); signed where asked (RFC 9701, section 5)."""
    form = machine_form(request)
    client = authenticate_client(provider, request, form)  # 1
    if client.public:
        raise InvalidClient("introspection needs client authentication")
    text = form.get("token")
    if text is None:
        raise InvalidRequest("token is missing")
    described = _describe(provider, client, text)
    if SIGNED not in request.accept and client.introspection_signed_response_alg is None:
        return json_response(described)
    signed = {"iss": provider.issuer, "aud": client.id, "iat": provider.now(), "token_introspection": described}
    signer = provider.keys.signer(client.introspection_signed_response_alg or "RS256")
    return Response(200, signer.sign(signed, typ="token-introspection+jwt").encode("ascii"), SIGNED, NO_STORE)


def _describe(provider: Provider, client: Client, text: str) -> dict[str, Any]:
    held = read_held_token(provider, client, text)  # 2
    if held is None:
        return INACTIVE
    now = provider.now()
    if held.access is not None and now >= held.access.expires_at:  # 3
        return INACTIVE
    owner_id = held.access.client_id if held.access is not None else client.id

    def look(tx: Transaction) -> tuple[tuple[Grant, Standing] | None, Client | None]:
        return tx.grants.with_standing(held.grant_id, now), tx.clients.get(owner_id)

    found, owner = provider.realm.store.read(look)
    if found is None or owner is None:
        return INACTIVE
    grant, standing = found
    ended = grant.client_id != owner.id or grant.revoked_at is not None or now >= grant.expires_at
    stale = held.refresh is not None and held.refresh.generation != grant.generation
    if ended or stale or not standing.serves(owner):  # 4
        return INACTIVE
    return _active(provider, client, grant, held)


def _active(provider: Provider, client: Client, grant: Grant, held: HeldToken) -> dict[str, Any]:
    """`sub` is the caller's own pairwise one; there is no `username` (RFC 7662, section 5)."""
    described: dict[str, Any] = {
        "active": True,
        "iss": provider.issuer,
        "sub": grant.subject,
        "client_id": grant.client_id,
        "aud": held.audience or client.id,
    }
    if held.access is not None:
        described["scope"] = held.access.scope
        described["token_type"] = "DPoP" if held.access.jkt else "Bearer"
        described["iat"], described["exp"] = held.access.issued_at, held.access.expires_at
        if held.access.jkt:
            described["cnf"] = {"jkt": held.access.jkt}
    else:
        described["scope"] = format_scope(grant.scope)
        described["iat"], described["exp"] = grant.created_at, grant.expires_at
    return described
