"""An app as pages show it: name, where it lives, what it declares; nothing of it is believed without a mark."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from idp.domain.client import Client, ClientState, Manifest
from idp.domain.client_name import is_invisible, mixes_scripts
from idp.domain.errors import Refused
from idp.domain.redirect_uri import is_loopback_host, split_uri


@dataclass(frozen=True, slots=True)
class AppCard:
    """What the person sees of an app. `domain` is ASCII, punycode as it is; None where the app is on this device.

    `elsewhere`: no browser ever goes to this app, so it is on a device of its own.
    """

    name: str
    domain: str | None
    elsewhere: bool
    reviewed: bool
    category: str
    manifest: Manifest
    policy_uri: str | None
    tos_uri: str | None


def app_card(client: Client, redirect_uri: str | None = None) -> AppCard:
    """The card of a client; `redirect_uri` is where it will be answered, by default its first one."""
    uris = (redirect_uri,) if redirect_uri is not None else client.redirect_uris[:1]
    return AppCard(
        name=shown_name(client.name),
        domain=_domain(uris[0]) if uris else None,
        elsewhere=not uris,
        reviewed=client.state is ClientState.ACTIVE,
        category=client.category.value,
        manifest=client.manifest,
        policy_uri=_linkable(client.policy_uri),
        tos_uri=_linkable(client.tos_uri),
    )


def shown_name(name: str) -> str:
    """A name that cannot pass for another: invisible characters, and all letters of mixed scripts, as code points."""
    if mixes_scripts(name):
        return "".join(c if c.isascii() and c.isprintable() else _code_point(c) for c in name)
    return "".join(_code_point(c) if is_invisible(c) else c for c in name)


def _code_point(character: str) -> str:
    return f"\\u{{{ord(character):04X}}}"


def _domain(uri: str) -> str | None:
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or is_loopback_host(parts.hostname):
        return None
    return parts.hostname


def _linkable(uri: str | None) -> str | None:
    """An https address that is safe to link to, else None."""
    try:
        return uri if uri is not None and split_uri(uri).scheme == "https" else None
    except Refused:
        return None
