"""The sector of a client, which decides its pairwise subjects (OIDC Core, section 8.1)."""

from urllib.parse import urlsplit

from idp.domain.client import OPERATOR, Client
from idp.domain.device_grant import GRANT_TYPE
from idp.domain.errors import Refused
from idp.domain.redirect_uri import is_loopback_host


def sector_addresses(client: Client) -> tuple[str, ...]:
    """The addresses that show whose a client is: they share a host, or its `sector_identifier_uri` lists them all.

    They are the redirect URIs, since only their owner gets the codes. Nobody redirects to a device: whoever polls has
    the answer, and only keys from a `jwks_uri` show who that is, as in CIBA (Core, section 4). The operator's own
    clients need no such proof.
    """
    by_device = GRANT_TYPE in client.grant_types and client.owner != OPERATOR
    if proves_by_jwks_uri(client) and (by_device or not client.redirect_uris):
        return (*client.redirect_uris, client.jwks_uri or "")
    return client.redirect_uris


def proves_by_jwks_uri(client: Client) -> bool:
    """Whether a client authenticates with keys that are fetched from a host of its own."""
    return client.token_endpoint_auth_method == "private_key_jwt" and client.jwks_uri is not None


def sector_of(client_id: str, addresses: tuple[str, ...], sector_identifier_uri: str | None) -> str:
    """The sector identifier: host of `sector_identifier_uri` (checked by the caller), else of `sector_addresses`.

    Loopback and private-scheme URIs name no owner, so such a client is a sector of its own (`client:` + id), and so is
    one without any address. Refused when several hosts stand without a `sector_identifier_uri`.
    """
    if sector_identifier_uri is not None:
        return urlsplit(sector_identifier_uri).hostname or ""
    own = own_sector(client_id)
    sectors = {_public_host(uri) or own for uri in addresses} or {own}
    if len(sectors) != 1:
        raise Refused("invalid_client_metadata", "redirect URIs on several hosts need a sector_identifier_uri")
    return sectors.pop()


def own_sector(client_id: str) -> str:
    """The sector that a client shares with nobody."""
    return f"client:{client_id}"


def _public_host(uri: str) -> str | None:
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or is_loopback_host(parts.hostname):
        return None
    return parts.hostname
