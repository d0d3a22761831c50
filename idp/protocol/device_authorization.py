"""The device authorization endpoint (RFC 8628, section 3.1): a device asks, and gets a code for itself and one to show.

`scope`, `claims`, `acr_values`, `max_age`, `nonce`, `resource` and `ui_locales` mean what they mean at `/authorize`;
`blindage_device_type` names the kind of device to the person. Other parameters are ignored (RFC 6749, section 3.1).
"""

import secrets
from dataclasses import replace
from hashlib import sha256

from crypto.encoding import b64url_encode
from idp.domain.client import Client
from idp.domain.device_grant import GRANT_TYPE, LIFETIME_SECONDS, DeviceGrant, show_user_code
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.protocol.authorization.checks import check_device
from idp.protocol.authorization.request import DEVICE_TYPE, PersonRequest
from idp.protocol.client_authentication import authenticate_client
from idp.protocol.errors import SlowDown, TemporarilyUnavailable, UnauthorizedClient
from idp.protocol.message import Request, Response, json_response
from idp.protocol.provider import Provider
from idp.protocol.token import machine_form
from idp.services.user_codes import draw_user_code, network_digest, user_code_index

VERIFICATION_PATH = "/device"
DEVICE_CODE_BYTES = 32
PARAMETERS = ("scope", "claims", "acr_values", "max_age", "nonce", "resource", "ui_locales", DEVICE_TYPE)

PUBLIC_PER_MINUTE = 60
"""Codes that one network gets in a minute for a client without a secret: each is one more for a guesser to hit."""

_DRAWS = 8


def answer_device_authorization(provider: Provider, request: Request) -> Response:
    """Answer POST /device_authorization. ProtocolError for the edge to map.

    1 form, each parameter once   3 it may use the device grant   5 not too many for a public client
    2 the client is who it says   4 the request is valid          6 stored, under codes that are free
    """
    form = machine_form(request)  # 1
    client = authenticate_client(provider, request, form)  # 2
    if GRANT_TYPE not in client.grant_types:  # 3
        raise UnauthorizedClient("this client may not use the device grant")
    check_device(provider, PersonRequest(client, form))  # 4
    device_code, user_code, grant = _stored(provider, client, form, network_digest(provider.realm, request.peer))
    verification_uri = provider.issuer + VERIFICATION_PATH
    shown = show_user_code(user_code)
    return json_response(
        {
            "device_code": device_code,
            "user_code": shown,
            "verification_uri": verification_uri,
            "verification_uri_complete": f"{verification_uri}?user_code={shown}",
            "expires_in": LIFETIME_SECONDS,
            "interval": grant.interval,
        }
    )


def device_code_digest(device_code: str) -> bytes:
    """What is stored of a device code. It has 256 random bits, so one SHA-256 is enough."""
    return sha256(device_code.encode()).digest()


def _stored(
    provider: Provider, client: Client, form: dict[str, str], network: bytes
) -> tuple[str, str, DeviceGrant]:
    """Steps 5 and 6: device code, user code, and what was stored under them."""
    realm, now = provider.realm, provider.now()
    device_code = b64url_encode(secrets.token_bytes(DEVICE_CODE_BYTES))
    draft = DeviceGrant(
        id=new_id(now),
        device_code=device_code_digest(device_code),
        user_code=b"",
        client_id=client.id,
        parameters={name: form[name] for name in PARAMETERS if name in form},
        network=network,
        created_at=now,
        expires_at=now + LIFETIME_SECONDS,
    )
    # One of the codes that wait now may be drawn again: once in millions of times.
    user_codes = [draw_user_code() for _ in range(_DRAWS)]
    candidates = [(code, replace(draft, user_code=user_code_index(realm, code))) for code in user_codes]
    minute = now - now % 60

    def unit(tx: Transaction) -> tuple[str, DeviceGrant] | None:
        if client.public:
            counter = b"device-authorization:" + network + client.id.encode()
            if tx.attempts.add(counter, minute, minute + 120) > PUBLIC_PER_MINUTE:  # 5
                raise SlowDown("too many device codes for this network")
        return next(((code, grant) for code, grant in candidates if tx.device_grants.add(grant)), None)  # 6

    stored = realm.store.write(unit, draft.id)
    if stored is None:
        raise TemporarilyUnavailable("no free user code was found")
    return device_code, *stored
