"""What the app is told from outside: environment variables with the prefix DEMO_."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from crypto.errors import TokenError
from crypto.privacy_pass_challenge import server_name

PREFIX = "DEMO_"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class ConfigurationError(Exception):
    """A setting is missing or wrong; the text names it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One app at one issuer.

    `issuer` the exact `iss`; `server_issuer_url` where this server reaches the issuer, when its name means something to
    browsers only (RFC 6761); `base_url` the app's own address; `session_key` signs the session cookie (32 bytes).
    `veiled` is the same app at a second issuer, the door: all that differs is the issuer's address and what was
    registered there. `spent_tokens` is the file of spent age tokens; without one there is no gate that takes them.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    base_url: str
    server_issuer_url: str
    session_key: bytes = field(repr=False, default_factory=lambda: secrets.token_bytes(32))
    veiled: "Configuration | None" = None
    spent_tokens: Path | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the issuer sends people back to; registered there."""
        return self.base_url + "/callback"

    @property
    def post_logout_redirect_uri(self) -> str:
        """Where the issuer sends people after they signed out there, too; registered there."""
        return self.base_url + "/signed-out"


@dataclass(frozen=True, slots=True)
class DeviceConfiguration:
    """The app on a television, or a program in a terminal, at one issuer. It has no `client_secret` unless given one.

    `token_log_key` is the verifier key of the issuer's log of token keys, for a program that fetches age tokens.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    name: str
    token_log_key: str | None = None


def read_configuration(environ: Mapping[str, str], port: int) -> Configuration:
    """The configuration; ConfigurationError for the first setting that is missing or is no address."""
    issuer = _address(environ, "ISSUER")
    direct = Configuration(
        issuer=issuer,
        client_id=_setting(environ, "CLIENT_ID"),
        client_secret=_setting(environ, "CLIENT_SECRET"),
        name=_setting(environ, "NAME", "Lantern Cinema"),
        base_url=_address(environ, "BASE_URL", f"http://app.localhost:{port}"),
        server_issuer_url=_address(environ, "SERVER_ISSUER_URL", issuer),
        spent_tokens=Path(environ[PREFIX + "SPENT_TOKENS"]) if environ.get(PREFIX + "SPENT_TOKENS") else None,
    )
    if PREFIX + "VEILED_ISSUER" not in environ:
        return direct
    door = _address(environ, "VEILED_ISSUER")
    veiled = replace(
        direct,
        issuer=door,
        client_id=_setting(environ, "VEILED_CLIENT_ID"),
        client_secret=_setting(environ, "VEILED_CLIENT_SECRET"),
        server_issuer_url=_address(environ, "VEILED_SERVER_ISSUER_URL", door),
    )
    return replace(direct, veiled=veiled)


def read_device_configuration(environ: Mapping[str, str]) -> DeviceConfiguration:
    """The same for the television."""
    return DeviceConfiguration(
        issuer=_address(environ, "ISSUER"),
        client_id=_setting(environ, "CLIENT_ID"),
        client_secret=environ.get(PREFIX + "CLIENT_SECRET") or None,
        name=_setting(environ, "NAME", "Lantern Cinema"),
        token_log_key=environ.get(PREFIX + "TOKEN_LOG_KEY") or None,
    )


def server_name_of(address: str) -> str:
    """Issuer or origin as token challenges name it (RFC 9577, 2.1.1.1): the host, and the port if it is not 443."""
    parts = urlsplit(address)
    try:
        return server_name(parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme])
    except (TokenError, ValueError, LookupError) as error:
        raise ConfigurationError(f"not an address: {address}") from error


def _setting(environ: Mapping[str, str], name: str, default: str | None = None) -> str:
    value = environ.get(PREFIX + name) or default
    if value is None:
        raise ConfigurationError(f"{PREFIX}{name} is not set")
    return value


def _address(environ: Mapping[str, str], name: str, default: str | None = None) -> str:
    value = _setting(environ, name, default)
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(f"{PREFIX}{name} is not an address: {value}")
    return value.rstrip("/")
