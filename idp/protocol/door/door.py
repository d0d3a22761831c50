"""The door, put together once by composition: a provider, whom it believes, and the keys whose tokens it accepts."""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from crypto.privacy_pass_challenge import TokenChallenge, server_name
from idp.domain.age_token import TOKEN_TYPE
from idp.protocol.door.key_log import Trust
from idp.protocol.door.key_view import KeyView
from idp.protocol.provider import Provider

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Door:
    """A provider that vouches for what a token says. `account_issuer` is whose tokens they are."""

    provider: Provider
    account_issuer: str
    trust: Trust
    keys: KeyView

    @cached_property
    def challenge_digest(self) -> bytes:
        """SHA-256 of the one challenge that every token of this door answers (RFC 9577, section 2.1)."""
        issuer, door = server_name_of(self.account_issuer), server_name_of(self.provider.issuer)
        return TokenChallenge(TOKEN_TYPE, issuer, b"", door).digest


def server_name_of(issuer: str) -> str:
    """The server name of an issuer: its host, with the port only if that is not 443 (RFC 9577, section 2.1.1.1)."""
    parts = urlsplit(issuer)
    host = parts.hostname or ""
    return server_name(f"[{host}]" if ":" in host else host, parts.port or _DEFAULT_PORTS[parts.scheme])
