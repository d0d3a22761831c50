"""A request that waits for its person: sealed into a page's hidden field, bound to the browser, stored nowhere."""

from dataclasses import dataclass, replace
from typing import Any

import orjson

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError
from idp.domain.client import Client
from idp.domain.device_grant import GRANT_TYPE, DeviceGrant
from idp.domain.ports import Transaction
from idp.domain.redirect_uri import matches
from idp.domain.session import Session
from idp.protocol.authorization.checks import check_device
from idp.protocol.authorization.request import AuthorizationRequest, DeviceRequest
from idp.protocol.claims_request import ClaimsRequest
from idp.protocol.errors import ProtocolError
from idp.protocol.provider import Provider

_AD = b"pending-authorization/v2:"
_AUTHORIZATION, _DEVICE = "authorization", "device"


class PendingExpired(ProtocolError):
    """The page was left open too long, belongs to another browser, or was changed: start again at the app."""

    error = "invalid_request"
    may_redirect = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A checked request, when it began (epoch seconds), and who was signed in then.

    `began_with` names that session (hex of 8 bytes of its id): a sign-in within the same second is told by it.
    """

    request: AuthorizationRequest | DeviceRequest
    began_at: int
    began_with: str | None = None


def begin(
    provider: Provider, request: AuthorizationRequest | DeviceRequest, session: Session | None
) -> Pending:
    """A request that begins now, in a browser with this session or none."""
    return Pending(request, provider.now(), None if session is None else session_name(session))


def session_name(session: Session) -> str:
    """What a pending request remembers of a session: enough to tell it from the next, and nothing to find it by."""
    return session.id[:8].hex()


def seal_pending(provider: Provider, pending: Pending, browser: bytes) -> str:
    """Text for a hidden field; `browser` is the value of the browser's own cookie (bytes)."""
    request = pending.request
    fields = _of_device(request) if isinstance(request, DeviceRequest) else _of_authorization(request)
    document = [pending.began_at, pending.began_with, request.ui_locales, *fields]
    return b64url_encode(provider.cookies.seal(orjson.dumps(document), _AD + browser))


def open_pending(provider: Provider, text: str, browser: bytes) -> Pending:
    """The inverse of `seal_pending`; PendingExpired for anything this browser was not given within half an hour."""
    try:
        document = orjson.loads(provider.cookies.open(b64url_decode(text), _AD + browser))
    except CryptoError as error:
        raise PendingExpired("this page has expired", str(error)) from error
    began_at, began_with, ui_locales, kind, *fields = document
    if provider.now() >= began_at + provider.lifetimes.interaction:
        raise PendingExpired("this page has expired")
    opened = _device_request if kind == _DEVICE else _authorization_request
    return Pending(opened(provider, tuple(ui_locales), fields), began_at, began_with)


def device_request(
    provider: Provider, grant: DeviceGrant, user_code: str, ui_locales: tuple[str, ...] | None = None
) -> DeviceRequest:
    """What a device asks, checked anew; PendingExpired when nobody may answer it any more.

    The person is always asked: that the device is the one in front of them is something only they can know
    (RFC 8628, sections 3.3.1 and 5.4).
    """
    client = provider.realm.store.read(lambda tx: tx.clients.get(grant.client_id))
    if not grant.open_at(provider.now()):
        raise PendingExpired("this code has been answered or has expired")
    if client is None or not client.usable or GRANT_TYPE not in client.grant_types:
        raise PendingExpired("this app is not known here any more")
    asked = DeviceRequest(client, grant.parameters, grant, user_code, prompt=frozenset({"consent"}))
    checked = check_device(provider, asked)
    return checked if ui_locales is None else replace(checked, ui_locales=ui_locales)


def _of_device(request: DeviceRequest) -> list[Any]:
    return [_DEVICE, request.grant.id.hex(), request.user_code]


def _device_request(provider: Provider, ui_locales: tuple[str, ...], fields: list[Any]) -> DeviceRequest:
    grant_id, user_code, *_ = fields
    grant = provider.realm.store.read(lambda tx: tx.device_grants.get(bytes.fromhex(grant_id)))
    if grant is None:
        raise PendingExpired("this code has expired")
    return device_request(provider, grant, user_code, ui_locales)


def _of_authorization(request: AuthorizationRequest) -> list[Any]:
    claims = request.claims
    return [
        _AUTHORIZATION,
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
        request.dpop_jkt,
        request.resource,
    ]


def _authorization_request(
    provider: Provider, ui_locales: tuple[str, ...], fields: list[Any]
) -> AuthorizationRequest:
    client_id, redirect_uri, mode, state, nonce, scope, prompt, max_age, challenge = fields[:9]
    claims, acr_values, hinted_subject, dpop_jkt, resource, *_ = fields[9:]

    def unit(tx: Transaction) -> Client | None:
        return tx.clients.get(client_id)

    client = provider.realm.store.read(unit)
    if (
        client is None
        or not client.usable
        or not matches(redirect_uri, client.redirect_uris, client.application_type)
    ):
        raise PendingExpired("this app is not known here any more")
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        parameters={},
        response_mode=mode,
        state=state,
        nonce=nonce,
        scope=frozenset(scope) & client.scope,
        prompt=frozenset(prompt),
        max_age=max_age,
        code_challenge=challenge,
        claims=ClaimsRequest(
            frozenset(claims[0]), frozenset(claims[1]), claims[2], claims[3], tuple(claims[4]), claims[5]
        ),
        acr_values=tuple(acr_values),
        hinted_subject=hinted_subject,
        ui_locales=ui_locales,
        dpop_jkt=dpop_jkt,
        resource=resource,
    )
