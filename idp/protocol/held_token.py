"""A token shown by its own client at /revoke or /introspect: which grant it speaks for, if it speaks at all."""

from dataclasses import dataclass

from idp.domain.client import Client
from idp.protocol.access_token import AccessToken, open_access_token
from idp.protocol.errors import InvalidGrant, InvalidToken
from idp.protocol.provider import Provider
from idp.protocol.refresh_token import RefreshToken, open_refresh_token


@dataclass(frozen=True, slots=True)
class HeldToken:
    """What one of our tokens says; nothing has been looked up yet. Exactly one of `access`, `refresh` is set."""

    grant_id: bytes
    access: AccessToken | None = None
    refresh: RefreshToken | None = None


def read_held_token(provider: Provider, client: Client, text: str) -> HeldToken | None:
    """The token if it was made for this client, else None; `token_type_hint` is not needed (RFC 7009, section 2.1)."""
    try:
        access = open_access_token(provider, text)
    except InvalidToken:
        pass
    else:
        return HeldToken(access.grant_id, access=access) if access.client_id == client.id else None
    try:
        refresh = open_refresh_token(provider, text, client.id, None)
    except InvalidGrant:
        return None
    return HeldToken(refresh.grant_id, refresh=refresh)
