"""A token shown by its own client at /revoke or /introspect: which grant it speaks for, if it speaks at all."""

from idp.domain.client import Client
from idp.domain.value import value
from idp.protocol.access_token import AccessToken, open_access_token
from idp.protocol.errors import InvalidGrant, InvalidToken
from idp.protocol.jwt_access_token import open_jwt_access_token
from idp.protocol.provider import Provider
from idp.protocol.refresh_token import RefreshToken, open_refresh_token


@value
class HeldToken:
    """What one of our tokens says; nothing has been looked up yet. Exactly one of `access`, `refresh` is set."""

    grant_id: bytes
    access: AccessToken | None = None
    refresh: RefreshToken | None = None
    audience: str | None = None


def read_held_token(provider: Provider, client: Client, text: str, jkt: str | None = None) -> HeldToken | None:
    """The token if it is this client's, or for a resource this client serves; else None.

    `token_type_hint` is not needed (RFC 7009, section 2.1); `jkt` is the DPoP key the request proved, which a public
    client's refresh token may be bound to.
    """
    try:
        access, audience = _open_either(provider, text)
    except InvalidToken:
        pass
    else:
        entitled = client.id == access.client_id or audience in client.own_resources
        return HeldToken(access.grant_id, access=access, audience=audience) if entitled else None
    try:
        refresh = open_refresh_token(provider, text, client.id, jkt)
    except InvalidGrant:
        return None
    return HeldToken(refresh.grant_id, refresh=refresh)


def _open_either(provider: Provider, text: str) -> tuple[AccessToken, str | None]:
    if "." in text:
        return open_jwt_access_token(provider, text)
    return open_access_token(provider, text), None
