"""Token challenges (RFC 9577, section 2.1): who may issue a token, and where it may be spent."""

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Self

from crypto.errors import TokenError
from crypto.tls_presentation import Reader

REDEMPTION_CONTEXT_SIZE = 32
NAME_MAX = 0xFFFF
DEFAULT_PORT = 443
PORT_MAX = 0xFFFF
# Section 2.1.1: ASCII. Spaces are let through, since published vectors have a name with one.
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
# RFC 3986, section 3.2.2, in lower case: a registered name or IPv4 address, or an IPv6 address in brackets.
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]{2,45}\]")


def server_name(host: str, port: int = DEFAULT_PORT) -> str:
    """A server name for a challenge (RFC 9577, section 2.1.1.1): lower case, the port only if it is not 443.

    `host` is a name or address as it stands in a URL, IPv6 in brackets. TokenError for anything else."""
    name = host.lower()
    if _HOST.fullmatch(name) is None or not 0 < port <= PORT_MAX:
        raise TokenError("not a server name")
    return name if port == DEFAULT_PORT else f"{name}:{port}"


# struct {
#     uint16_t token_type;
#     opaque issuer_name<1..2^16-1>;
#     opaque redemption_context<0..32>;
#     opaque origin_info<0..2^16-1>;
# } TokenChallenge;
@dataclass(frozen=True)
class TokenChallenge:
    """The default TokenChallenge (RFC 9577, section 2.1.1), of any token type that uses that structure.

    `redemption_context` is empty or 32 bytes; `origin_info` holds server names parted by commas, or nothing.
    A challenge that breaks the structure raises TokenError when it is made as well as when it is read."""

    token_type: int
    issuer_name: str
    redemption_context: bytes = b""
    origin_info: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.token_type <= 0xFFFF:
            raise TokenError("token_type is out of range")
        if not 0 < len(self.issuer_name) <= NAME_MAX or _PRINTABLE.fullmatch(self.issuer_name) is None:
            raise TokenError("issuer_name is empty, too long or not ASCII")
        if len(self.redemption_context) not in (0, REDEMPTION_CONTEXT_SIZE):
            raise TokenError("redemption_context has neither 0 nor 32 bytes")
        if len(self.origin_info) > NAME_MAX or _PRINTABLE.fullmatch(self.origin_info) is None:
            raise TokenError("origin_info is too long or not ASCII")
        if self.origin_info and not all(self.origin_info.split(",")):
            raise TokenError("origin_info has an empty name")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the structure; all bytes must be used, else TokenError."""
        reader = Reader(data)
        token_type = reader.unsigned(2, "token_type")
        issuer_name = _ascii(reader.vector(2, "issuer_name"), "issuer_name")
        redemption_context = reader.vector(1, "redemption_context")
        origin_info = _ascii(reader.vector(2, "origin_info"), "origin_info")
        reader.end("TokenChallenge")
        return cls(token_type, issuer_name, redemption_context, origin_info)

    def to_bytes(self) -> bytes:
        """The structure; `from_bytes` gives the same challenge back."""
        issuer_name = self.issuer_name.encode("ascii")
        origin_info = self.origin_info.encode("ascii")
        return b"".join(
            (
                self.token_type.to_bytes(2, "big"),
                len(issuer_name).to_bytes(2, "big"),
                issuer_name,
                len(self.redemption_context).to_bytes(1, "big"),
                self.redemption_context,
                len(origin_info).to_bytes(2, "big"),
                origin_info,
            )
        )

    @cached_property
    def digest(self) -> bytes:
        """`challenge_digest`: SHA-256 of the structure, 32 bytes (RFC 9577, section 2.2.1)."""
        return sha256(self.to_bytes()).digest()

    @property
    def origin_names(self) -> tuple[str, ...]:
        """The server names of `origin_info`; none if the token may be spent anywhere."""
        return tuple(self.origin_info.split(",")) if self.origin_info else ()

    def admits_origin(self, origin_name: str) -> bool:
        """Whether a client may answer this challenge when it comes from `origin_name` (section 2.1.3)."""
        names = self.origin_names
        return not names or origin_name.lower() in (name.lower() for name in names)


def _ascii(data: bytes, field: str) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise TokenError(f"{field} is not ASCII") from None
