"""What the app is told from outside: environment variables with the prefix DEMO_."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PREFIX = "DEMO_"


class ConfigurationError(Exception):
    """A setting is missing or wrong; the text names it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One app at one issuer.

    `issuer` the exact `iss`; `server_issuer_url` where this server reaches the issuer, when its name means something to
    browsers only (RFC 6761); `base_url` the app's own address; `session_key` signs the session cookie (32 bytes).
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    base_url: str
    server_issuer_url: str
    session_key: bytes = field(repr=False, default_factory=lambda: secrets.token_bytes(32))

    @property
    def redirect_uri(self) -> str:
        """Where the issuer sends people back to; registered there."""
        return self.base_url + "/callback"

    @property
    def post_logout_redirect_uri(self) -> str:
        """Where the issuer sends people after they signed out there, too; registered there."""
        return self.base_url + "/signed-out"


def read_configuration(environ: Mapping[str, str], port: int) -> Configuration:
    """The configuration; ConfigurationError for the first setting that is missing or is no address."""

    def setting(name: str, default: str | None = None) -> str:
        value = environ.get(PREFIX + name) or default
        if value is None:
            raise ConfigurationError(f"{PREFIX}{name} is not set")
        return value

    def address(name: str, default: str | None = None) -> str:
        value = setting(name, default)
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigurationError(f"{PREFIX}{name} is not an address: {value}")
        return value.rstrip("/")

    issuer = address("ISSUER")
    return Configuration(
        issuer=issuer,
        client_id=setting("CLIENT_ID"),
        client_secret=setting("CLIENT_SECRET"),
        name=setting("NAME", "Lantern Cinema"),
        base_url=address("BASE_URL", f"http://app.localhost:{port}"),
        server_issuer_url=address("SERVER_ISSUER_URL", issuer),
    )
