"""Back-channel logout (OpenID Connect Back-Channel Logout 1.0): the logout token and how it is sent.

`sub` alone ends every session of the person at the app; with `sid` it ends one. The `sid` is another one at every app
(`Session.sid`), so that two apps cannot match it (threats: section 2.1).
"""

import secrets
from typing import Any
from urllib.parse import urlencode

from crypto.encoding import b64url_encode
from idp.domain.app_message import AppMessage
from idp.domain.client import Client
from idp.protocol.message import FORM
from idp.protocol.provider import Provider

TYP = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME_SECONDS = 120
"""Section 4 recommends two minutes: made anew for every try, a token need not live longer than one."""

JTI_BYTES = 16


def logout_token(provider: Provider, client: Client, message: AppMessage) -> str:
    """The logout token (section 2.4), signed as the app's ID tokens are; never a nonce.

    Each try has a `jti` of its own: an app whose answer was lost would refuse the same one as a replay.
    """
    now = provider.now()
    claims: dict[str, Any] = {
        "iss": provider.issuer,
        "aud": client.id,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": b64url_encode(secrets.token_bytes(JTI_BYTES)),
        "events": {EVENT: {}},
        "sub": message.subject,
    }
    if message.sid is not None:
        claims["sid"] = message.sid
    return provider.keys.signer(client.id_token_signed_response_alg).sign(claims, TYP)


def post_logout(provider: Provider, client: Client, message: AppMessage) -> bool:
    """Post the token (section 2.5); whether the app answered that it is done (section 2.8: 200, or 204).

    A 400 may mean that the app's own logout failed: it is tried again like everything else. FetchRefused.
    """
    if client.backchannel_logout_uri is None:
        return True
    body = urlencode({"logout_token": logout_token(provider, client, message)}).encode("ascii")
    return provider.fetcher.post(client.backchannel_logout_uri, body, FORM) in (200, 204)
