"""The sector of a client, which decides its pairwise subjects (OIDC Core, section 8.1)."""

from urllib.parse import urlsplit

from idp.domain.errors import Refused
from idp.domain.redirect_uri import is_loopback_host


def sector_of(client_id: str, redirect_uris: tuple[str, ...], sector_identifier_uri: str | None) -> str:
    """The sector identifier: host of `sector_identifier_uri` (checked by the caller), else of the redirect URIs.

    Loopback and private-scheme URIs name no owner, so such a client is a sector of its own (`client:` + id).
    Refused when several hosts stand without a `sector_identifier_uri`.
    """
    if sector_identifier_uri is not None:
        return urlsplit(sector_identifier_uri).hostname or ""
    own = own_sector(client_id)
    sectors = {_public_host(uri) or own for uri in redirect_uris} or {own}
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
