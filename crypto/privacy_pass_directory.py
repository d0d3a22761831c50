"""The issuer directory (RFC 9578, section 4): where to ask for tokens, and which keys sign them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from crypto.encoding import b64_padded_url_decode, b64_padded_url_encode
from crypto.errors import EncodingError, TokenError
from crypto.strict_json import parse_json_strict

DIRECTORY_MEDIA_TYPE = "application/private-token-issuer-directory"
DIRECTORY_PATH = "/.well-known/private-token-issuer-directory"
DIRECTORY_MAX = 65536
TOKEN_KEYS_MAX = 64
_DEPTH_MAX = 8
_URI = re.compile(r"[\x21-\x7e]{1,2048}")
_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One key of a directory: type, the encoding of that type, and from when it is used (Unix seconds)."""

    token_type: int
    token_key: bytes
    not_before: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.token_type <= 0xFFFF:
            raise TokenError("token-type is out of range")
        if self.not_before is not None and self.not_before < 0:
            raise TokenError("not-before is out of range")


@dataclass(frozen=True, slots=True)
class IssuerDirectory:
    """A directory; `issuer_request_uri` is absolute or relative to it, the preferred key stands first."""

    issuer_request_uri: str
    token_keys: tuple[TokenKey, ...]

    def __post_init__(self) -> None:
        if _URI.fullmatch(self.issuer_request_uri) is None:
            raise TokenError("issuer-request-uri is not a URI")
        if len(self.token_keys) > TOKEN_KEYS_MAX:
            raise TokenError("token-keys has too many keys")

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a directory of at most 64 kB; members not named in RFC 9578 are passed over.

        One key that is not as it should be raises TokenError for all."""
        if len(data) > DIRECTORY_MAX:
            raise TokenError("directory is too long")
        try:
            document = parse_json_strict(data, _DEPTH_MAX)
        except EncodingError:
            raise TokenError("directory is not JSON") from None
        if not isinstance(document, dict):
            raise TokenError("directory is not an object")
        keys = _member(document, "token-keys", list)
        if len(keys) > TOKEN_KEYS_MAX:
            raise TokenError("token-keys has too many keys")
        return cls(_member(document, "issuer-request-uri", str), tuple(_read_key(key) for key in keys))

    def to_json(self) -> bytes:
        """The directory in UTF-8, the same bytes for the same directory."""
        document = {
            "issuer-request-uri": self.issuer_request_uri,
            "token-keys": [_key_object(key) for key in self.token_keys],
        }
        return json.dumps(document, separators=(",", ":")).encode("ascii")

    def preferred_key(self, token_type: int, now: int) -> TokenKey | None:
        """The first key of this type that is in use at `now` (Unix seconds), if any (RFC 9578, section 4)."""
        for key in self.token_keys:
            if key.token_type == token_type and (key.not_before is None or key.not_before <= now):
                return key
        return None


def _read_key(value: Any) -> TokenKey:
    if not isinstance(value, dict):
        raise TokenError("token-keys holds something else than objects")
    token_type = _member(value, "token-type", int)
    try:
        token_key = b64_padded_url_decode(_member(value, "token-key", str))
    except EncodingError:
        raise TokenError("token-key is not padded base64url") from None
    not_before = _member(value, "not-before", int) if "not-before" in value else None
    return TokenKey(token_type, token_key, not_before)


def _key_object(key: TokenKey) -> dict[str, int | str]:
    members: dict[str, int | str] = {
        "token-type": key.token_type,
        "token-key": b64_padded_url_encode(key.token_key),
    }
    if key.not_before is not None:
        members["not-before"] = key.not_before
    return members


def _member(document: Mapping[str, Any], name: str, kind: type[_Kind]) -> _Kind:
    value = document.get(name)
    # bool is an int to Python, not to JSON.
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TokenError(f"{name} is missing or of the wrong type")
    return value
