"""Security Event Tokens (RFC 8417) pushed to an app's endpoint (RFC 8935), subjects after RFC 9493.

What happened at the account, said in registered event types:

| happened          | event type                          | from                                                   |
|-------------------|-------------------------------------|--------------------------------------------------------|
| session revoked   | caep `session-revoked`              | OpenID CAEP 1.0                                        |
| consent withdrawn | oauth `tokens-revoked`              | OAuth Event Types 1.0: there is no type for consent,   |
|                   |                                     | and this is what a withdrawal does to the app          |
| account deleted   | risc `account-purged`               | OpenID RISC 1.0                                        |
"""

from typing import Any

from idp.domain.app_message import AppMessage, MessageKind
from idp.domain.client import Client
from idp.protocol.provider import Provider

TYP = "secevent+jwt"
CONTENT_TYPE = "application/secevent+jwt"
_BASE = "https://schemas.openid.net/secevent/"
EVENT_TYPES = {
    MessageKind.SESSION_REVOKED: _BASE + "caep/event-type/session-revoked",
    MessageKind.CONSENT_WITHDRAWN: _BASE + "oauth/event-type/tokens-revoked",
    MessageKind.ACCOUNT_DELETED: _BASE + "risc/event-type/account-purged",
}


def security_event_token(provider: Provider, client: Client, message: AppMessage) -> str:
    """The token of one event, signed as the app's ID tokens are. Its content and `jti` are the same at every try.

    No `sub` and no `exp`, so that nothing can take it for an ID or access token (RFC 8417, sections 4.5 and 4.6).
    """
    claims: dict[str, Any] = {
        "iss": provider.issuer,
        "aud": client.id,
        "iat": message.at,
        "jti": message.jti,
        "sub_id": _subject(provider, message),
        "events": {EVENT_TYPES[message.kind]: _event(message)},
    }
    return provider.keys.signer(client.id_token_signed_response_alg).sign(claims, TYP)


def push_event(provider: Provider, client: Client, message: AppMessage) -> bool:
    """Push the token (RFC 8935, section 2.1); whether the app has it, or has refused it for good. FetchRefused.

    A 400 says that this very token will never be taken (section 2.3), so that it is not sent again.
    """
    if client.security_event_endpoint is None:
        return True
    token = security_event_token(provider, client, message).encode("ascii")
    status = provider.fetcher.post(client.security_event_endpoint, token, CONTENT_TYPE)
    return 200 <= status < 300 or status == 400


def _subject(provider: Provider, message: AppMessage) -> dict[str, Any]:
    """The person by issuer and `sub` (RFC 9493, section 3.2.3); for one session that session too (CAEP, 3.1)."""
    person = {"format": "iss_sub", "iss": provider.issuer, "sub": message.subject}
    if message.sid is None:
        return person
    return {"format": "complex", "user": person, "session": {"format": "opaque", "id": message.sid}}


def _event(message: AppMessage) -> dict[str, Any]:
    """CAEP says when it happened and who caused it; the other types have no members we could fill."""
    if message.kind is MessageKind.SESSION_REVOKED:
        return {"event_timestamp": message.at, "initiating_entity": message.initiator.value}
    return {}
