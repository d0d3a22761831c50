"""Redirect URIs: what may be registered (RFC 8252; RFC 9700, 2.6), what a request may name (RFC 9700, 4.1)."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from idp.domain.errors import Refused

MAX_LENGTH = 2000
MAX_COUNT = 10

# RFC 3986 characters only: no space, no control, no backslash, nothing a browser would repair on its own.
_ALLOWED = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+\Z")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+\Z")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Browsers take %2e for a dot here (WHATWG URL, "double-dot URL path segment"), and resolve it away.
_DOT_SEGMENT = re.compile(r"(\.|%2e){1,2}\Z", re.IGNORECASE)
# A host whose last label is a number is an address to every browser (WHATWG URL, "ends in a number").
_NUMBER = re.compile(r"([0-9]+|0x[0-9a-f]*)\Z")


def split_uri(uri: str) -> SplitResult:
    """An absolute URI in parts; Refused when any part is not plain RFC 3986 or hides another authority."""
    if not 1 <= len(uri) <= MAX_LENGTH or not _ALLOWED.match(uri) or _PERCENT.search(uri):
        raise Refused("invalid_uri", "the URI is empty, too long, or has a character that RFC 3986 does not allow")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise Refused("invalid_uri", "the URI's authority is malformed") from error
    if not parts.scheme or uri[: len(parts.scheme)] != parts.scheme:
        raise Refused("invalid_uri", "the URI needs a scheme in lower case")
    if "@" in parts.netloc:
        raise Refused("invalid_uri", "the URI must not carry user information")
    if port == 0 or parts.netloc.endswith(":"):
        raise Refused("invalid_uri", "the URI's port is malformed")
    return parts


def is_loopback_host(host: str | None) -> bool:
    """Whether a host is this machine: 127.0.0.0/8, ::1, localhost and *.localhost (RFC 6761, section 6.3)."""
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_redirect_uri(uri: str, application_type: str, issuer_is_loopback: bool) -> None:
    """Refuse a redirect URI that must not be registered (OIDC Registration section 2, RFC 8252 sections 7.1-7.3).

    Web clients: https; http only on loopback and only under a loopback issuer. Native clients: http on loopback, https,
    or a private-use scheme with a dot in it. Never a fragment, user information, or a scheme a browser executes.
    """
    parts = split_uri(uri)
    if "#" in uri or parts.fragment:
        raise Refused("invalid_redirect_uri", "a redirect URI must not have a fragment")
    if parts.scheme in ("http", "https"):
        _check_web_host(parts)
        if parts.scheme == "http":
            native = application_type == "native"
            if not is_loopback_host(parts.hostname) or not (native or issuer_is_loopback):
                raise Refused("invalid_redirect_uri", "http is for loopback addresses only")
        return
    if application_type != "native" or not _PRIVATE_SCHEME.match(parts.scheme):
        raise Refused("invalid_redirect_uri", "the scheme must be https, or for native clients one with a dot in it")
    if not (parts.path or parts.netloc):
        raise Refused("invalid_redirect_uri", "a private-use redirect URI needs a path")


def check_address(uri: str, issuer_is_loopback: bool) -> None:
    """Refuse an address of an app's server that is not https with a plain host, or has a fragment (threats A22).

    For what is fetched, told or linked: `jwks_uri`, `sector_identifier_uri`, `backchannel_logout_uri`, `tos_uri` and
    the like. Under a loopback issuer http on loopback will do. Whether the host may be asked, the fetcher decides.
    """
    parts = split_uri(uri)
    if parts.scheme not in ("http", "https") or "#" in uri:
        raise Refused("invalid_uri", "the address must be https, without a fragment")
    _check_web_host(parts)
    if parts.scheme == "http" and not (issuer_is_loopback and is_loopback_host(parts.hostname)):
        raise Refused("invalid_uri", "the address must be https")


def matches(requested: str, registered: tuple[str, ...], application_type: str) -> bool:
    """Whether a request may be answered at `requested`: equal as a string to a registered one (RFC 9700, 4.1.3).

    Only for native clients and http on a loopback address literal the port may differ (RFC 8252, section 7.3).
    """
    if requested in registered:
        return True
    if application_type != "native":
        return False
    try:
        portless = _without_loopback_port(requested)
        return portless is not None and any(portless == _without_loopback_port(uri) for uri in registered)
    except Refused:
        return False


def _without_loopback_port(uri: str) -> str | None:
    parts = split_uri(uri)
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "::1"):
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    # Rebuilt from the text, so that nothing but the port can differ.
    authority = parts.netloc
    if authority not in (host, f"{host}:{parts.port}"):
        return None
    return uri.replace(f"//{authority}", f"//{host}", 1)


def _check_web_host(parts: SplitResult) -> None:
    host = parts.hostname or ""
    literal = host
    try:
        if ":" in host:
            ipaddress.IPv6Address(host)
            literal = f"[{host}]"
        elif _NUMBER.match(host.rpartition(".")[2]):
            ipaddress.IPv4Address(host)
        elif not _HOST.match(host):
            raise Refused("invalid_redirect_uri", "the host is not a plain DNS name or address")
    except ValueError as error:
        raise Refused("invalid_redirect_uri", "the host is not a plain DNS name or address") from error
    # urlsplit lower-cases the host: comparing with the text shows upper case and odd spellings of addresses.
    if parts.netloc not in (literal, f"{literal}:{parts.port}"):
        raise Refused("invalid_redirect_uri", "the host must be written in lower case")
    if any(_DOT_SEGMENT.match(segment) for segment in parts.path.split("/")):
        raise Refused("invalid_redirect_uri", "dot segments are not allowed in a redirect URI")
