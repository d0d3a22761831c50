"""Access tokens as resources see them (RFC 6750, RFC 9449): where they may stand, and what holds behind them."""

from idp.domain.client import Client
from idp.domain.grant import Grant, Standing
from idp.domain.ports import Transaction
from idp.domain.value import value
from idp.protocol.access_token import AccessToken, open_access_token
from idp.protocol.dpop import ALGORITHMS, proven_key
from idp.protocol.errors import (
    InsufficientScope,
    InvalidDpopProof,
    InvalidRequest,
    InvalidToken,
    ProtocolError,
    UseDpopNonce,
)
from idp.protocol.message import FORM, Request
from idp.protocol.parameters import parse_once, parse_pairs
from idp.protocol.provider import Provider


class ResourceRefusal(ProtocolError):
    """A refusal at a resource: 401 or 403 with a challenge (RFC 6750, section 3; RFC 9449, section 7.1)."""

    def __init__(self, refused: ProtocolError | None, scheme: str) -> None:
        """`refused` None: no token at all, so the challenge carries no error code."""
        super().__init__(refused.text if refused else "", refused.cause if refused else "")
        self.error = refused.error if refused else "invalid_token"
        self.status_code = 403 if isinstance(refused, InsufficientScope) else 401
        self.bare = refused is None
        challenge = f'{scheme} realm="blindage"'
        if refused is not None:
            challenge += f', error="{refused.error}", error_description="{refused.text}"'
        if isinstance(refused, InsufficientScope):
            challenge += f', scope="{refused.cause}"'
        if scheme == "DPoP":
            challenge += f', algs="{" ".join(ALGORITHMS)}"'
        self.headers = [("WWW-Authenticate", challenge)]
        if isinstance(refused, UseDpopNonce):
            self.headers.append(("DPoP-Nonce", refused.nonce))

    def get_headers(self) -> list[tuple[str, str]]:
        """The challenge, and the nonce where one is demanded."""
        return self.headers


@value
class Authorized:
    """A token that holds: the grant behind it is not revoked, account, consent and session are alive."""

    token: AccessToken
    grant: Grant
    standing: Standing
    client: Client


@value
class PresentedToken:
    """An access token as it stood in the request; nothing of it has been checked."""

    text: str
    scheme: str


def authorize(provider: Provider, request: Request, scope: str) -> Authorized:
    """The grant behind the request's access token, if it carries `scope`. ResourceRefusal or InvalidRequest (400).

    Order is security: 1 one token, where it may stand; 2 ours and unexpired; 3 bound tokens proven, others not claimed
    to be; 4 grant, account, consent, session alive; 5 the scope.
    """
    presented = presented_token(request)  # 1
    if presented is None:
        raise ResourceRefusal(None, "Bearer")
    try:
        return _authorize(provider, request, presented, scope)
    except (InvalidToken, InsufficientScope, InvalidDpopProof, UseDpopNonce) as error:
        bound = presented.scheme == "DPoP" or isinstance(error, InvalidDpopProof | UseDpopNonce)
        raise ResourceRefusal(error, "DPoP" if bound else "Bearer") from error


def _authorize(provider: Provider, request: Request, presented: PresentedToken, scope: str) -> Authorized:
    token = open_access_token(provider, presented.text)  # 2
    now = provider.now()
    if now >= token.expires_at:
        raise InvalidToken("the access token has expired")
    if (token.jkt is not None) != (presented.scheme == "DPoP"):  # 3
        raise InvalidToken("the access token is of the other scheme")
    if token.jkt is not None:
        jkt = proven_key(provider, request, presented.text)
        if jkt is None:
            raise InvalidDpopProof("a DPoP proof is needed")
        if jkt != token.jkt:
            raise InvalidToken("the access token is bound to another key")

    def look(tx: Transaction) -> tuple[tuple[Grant, Standing] | None, Client | None]:
        return tx.grants.with_standing(token.grant_id, now), tx.clients.get(token.client_id)

    found, client = provider.realm.store.read(look)  # 4
    if found is None or client is None or not client.usable:
        raise InvalidToken("the access token is not valid", "no grant or client behind it")
    grant, standing = found
    if grant.revoked_at is not None or now >= grant.expires_at or not standing.serves(client):
        raise InvalidToken("the access token has been revoked")
    if scope not in token.scope.split(" "):  # 5
        raise InsufficientScope("the access token lacks a scope", scope)
    return Authorized(token, grant, standing, client)


def presented_token(request: Request) -> PresentedToken | None:
    """The one access token of a request: in the header or a form body; never in the address (RFC 9700, 4.3.2)."""
    if any(name == "access_token" for name, _ in parse_pairs(request.query)):
        raise InvalidRequest("an access token must not stand in the address")
    in_body = None
    if request.method == "POST" and request.content_type.partition(";")[0].strip().lower() == FORM:
        in_body = parse_once(request.body).get("access_token")
    if request.authorization is None:
        return None if in_body is None else PresentedToken(in_body, "Bearer")
    if in_body is not None:
        raise InvalidRequest("more than one access token")
    scheme, _, token = request.authorization.partition(" ")
    schemes = {"bearer": "Bearer", "dpop": "DPoP"}
    if scheme.lower() not in schemes:
        return None
    return PresentedToken(token.strip(), schemes[scheme.lower()])
