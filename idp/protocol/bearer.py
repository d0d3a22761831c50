"""Access tokens as resources see them (RFC 6750): where they may stand, and what still holds behind them."""

from dataclasses import dataclass

from idp.domain.client import Client
from idp.domain.grant import Grant, Standing
from idp.domain.ports import Transaction
from idp.protocol.access_token import AccessToken, open_access_token
from idp.protocol.errors import InsufficientScope, InvalidRequest, InvalidToken, ProtocolError
from idp.protocol.message import FORM, Request
from idp.protocol.parameters import parse_once, parse_pairs
from idp.protocol.provider import Provider


class NoToken(ProtocolError):
    """No token at all: 401 with a bare challenge, no error code (RFC 6750, section 3.1)."""

    error = "invalid_token"
    status_code = 401


@dataclass(frozen=True, slots=True)
class Authorized:
    """A token that holds: the grant behind it is not revoked, account, consent and session are alive."""

    token: AccessToken
    grant: Grant
    standing: Standing
    client: Client


def authorize(provider: Provider, request: Request, scope: str) -> Authorized:
    """The grant behind the request's access token, if it carries `scope`.

    NoToken (401), InvalidToken (401), InsufficientScope (403), InvalidRequest (400).
    """
    token = open_access_token(provider, presented_token(request))
    now = provider.now()
    if now >= token.expires_at:
        raise InvalidToken("the access token has expired")
    if token.jkt is not None:
        raise InvalidToken("the access token is bound to a DPoP key", "bearer use of a bound token")

    def look(tx: Transaction) -> tuple[tuple[Grant, Standing] | None, Client | None]:
        return tx.grants.with_standing(token.grant_id, now), tx.clients.get(token.client_id)

    found, client = provider.realm.store.read(look)
    if found is None or client is None or not client.usable:
        raise InvalidToken("the access token is not valid", "no grant or client behind it")
    grant, standing = found
    if grant.revoked_at is not None or now >= grant.expires_at or not standing.live:
        raise InvalidToken("the access token has been revoked")
    if scope not in token.scope.split(" "):
        raise InsufficientScope("the access token lacks a scope", scope)
    return Authorized(token, grant, standing, client)


def presented_token(request: Request) -> str:
    """The one access token of a request: in the header, or in a form body; never in the address (RFC 9700, 4.3.2)."""
    if any(name == "access_token" for name, _ in parse_pairs(request.query)):
        raise InvalidRequest("an access token must not stand in the address")
    in_body = None
    if request.method == "POST" and request.content_type.partition(";")[0].strip().lower() == FORM:
        in_body = parse_once(request.body).get("access_token")
    if request.authorization is None:
        if in_body is None:
            raise NoToken()
        return in_body
    if in_body is not None:
        raise InvalidRequest("more than one access token")
    scheme, _, token = request.authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise NoToken()
    return token.strip()
