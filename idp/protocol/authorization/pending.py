"""A request that waits for its person: sealed into a page's hidden field, bound to the browser, stored nowhere."""

from dataclasses import dataclass

import orjson

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError
from idp.domain.client import Client
from idp.domain.ports import Transaction
from idp.domain.redirect_uri import matches
from idp.domain.session import Session
from idp.protocol.authorization.request import AuthorizationRequest
from idp.protocol.claims_request import ClaimsRequest
from idp.protocol.errors import ProtocolError
from idp.protocol.provider import Provider

_AD = b"pending-authorization/v1:"


class PendingExpired(ProtocolError):
    """The page was left open too long, belongs to another browser, or was changed: start again at the app."""

    error = "invalid_request"
    may_redirect = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A checked request, when it began (epoch seconds), and who was signed in then.

    `began_with` names that session (hex of 8 bytes of its id): a sign-in within the same second is told by it.
    """

    request: AuthorizationRequest
    began_at: int
    began_with: str | None = None


def begin(provider: Provider, request: AuthorizationRequest, session: Session | None) -> Pending:
    """A request that begins now, in a browser with this session or none."""
    return Pending(request, provider.now(), None if session is None else session_name(session))


def session_name(session: Session) -> str:
    """What a pending request remembers of a session: enough to tell it from the next, and nothing to find it by."""
    return session.id[:8].hex()


def seal_pending(provider: Provider, pending: Pending, browser: bytes) -> str:
    """Text for a hidden field; `browser` is the value of the browser's own cookie (bytes)."""
    request = pending.request
    claims = request.claims
    document = [
        pending.began_at,
        request.client.id,
        request.redirect_uri,
        request.response_mode,
        request.state,
        request.nonce,
        sorted(request.scope),
        sorted(request.prompt),
        request.max_age,
        request.code_challenge,
        [
            sorted(claims.id_token),
            sorted(claims.userinfo),
            claims.subject,
            claims.auth_time,
            claims.acr_values,
            claims.acr_essential,
        ],
        request.acr_values,
        request.hinted_subject,
        request.ui_locales,
        request.dpop_jkt,
        request.resource,
        pending.began_with,
    ]
    return b64url_encode(provider.cookies.seal(orjson.dumps(document), _AD + browser))


def open_pending(provider: Provider, text: str, browser: bytes) -> Pending:
    """The inverse of `seal_pending`; PendingExpired for anything this browser was not given within half an hour."""
    try:
        fields = orjson.loads(provider.cookies.open(b64url_decode(text), _AD + browser))
    except CryptoError as error:
        raise PendingExpired("this page has expired", str(error)) from error
    began_at, client_id, redirect_uri, mode, state, nonce, scope, prompt, max_age, challenge = fields[:10]
    claims, acr_values, hinted_subject, ui_locales, dpop_jkt, resource, began_with = fields[10:]
    if provider.now() >= began_at + provider.lifetimes.interaction:
        raise PendingExpired("this page has expired")

    def unit(tx: Transaction) -> Client | None:
        return tx.clients.get(client_id)

    client = provider.realm.store.read(unit)
    if (
        client is None
        or not client.usable
        or not matches(redirect_uri, client.redirect_uris, client.application_type)
    ):
        raise PendingExpired("this app is not known here any more")
    request = AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        parameters={},
        response_mode=mode,
        state=state,
        nonce=nonce,
        scope=frozenset(scope),
        prompt=frozenset(prompt),
        max_age=max_age,
        code_challenge=challenge,
        claims=ClaimsRequest(
            frozenset(claims[0]), frozenset(claims[1]), claims[2], claims[3], tuple(claims[4]), claims[5]
        ),
        acr_values=tuple(acr_values),
        hinted_subject=hinted_subject,
        ui_locales=tuple(ui_locales),
        dpop_jkt=dpop_jkt,
        resource=resource,
    )
    return Pending(request, began_at, began_with)
