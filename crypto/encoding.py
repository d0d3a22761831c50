"""Strict base64url, integers and length-prefixed fields: one accepted form of each, or an error."""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from crypto.errors import EncodingError

# To the alphabet that binascii reads; what it would read beyond ours becomes a character that it refuses.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_FROM_STANDARD = bytes.maketrans(b"+/", b"-_")
_LAST = {0: None, 2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}
"""Length modulo 4 -> last characters whose spare bits are zero: others would give one value two spellings."""
_PADDED = re.compile(rb"[A-Za-z0-9_-]*={0,2}\Z")
FIELD_MAX = 0xFFFF


def b64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return binascii.b2a_base64(data, newline=False).translate(_FROM_STANDARD, b"=").decode("ascii")


def b64url_decode(text: str | bytes) -> bytes:
    """Decode unpadded base64url; padding, white space and stray trailing bits raise EncodingError."""
    raw = _ascii(text)
    over = len(raw) % 4
    try:
        data = binascii.a2b_base64(raw.translate(_TO_STANDARD) + b"=="[: -over % 4], strict_mode=True)
        last = _LAST[over]
    except (binascii.Error, KeyError):
        raise EncodingError("not unpadded base64url") from None
    if last is not None and raw[-1] not in last:
        raise EncodingError("base64url has stray trailing bits")
    return data


def b64_padded_url_encode(data: bytes) -> str:
    """Base64url with padding, the form of RFC 9577's PrivateToken scheme."""
    return urlsafe_b64encode(data).decode("ascii")


def b64_padded_url_decode(text: str | bytes) -> bytes:
    """Decode padded base64url (RFC 9577, section 2.1); missing padding raises EncodingError."""
    raw = _ascii(text)
    if not _PADDED.match(raw) or len(raw) % 4:
        raise EncodingError("not padded base64url")
    try:
        data = urlsafe_b64decode(raw)
    except binascii.Error as error:
        raise EncodingError("not padded base64url") from error
    if urlsafe_b64encode(data) != raw:
        raise EncodingError("base64url has stray trailing bits")
    return data


def lp(*fields: bytes | str) -> bytes:
    """Each field behind its length in 2 bytes, big-endian; text is UTF-8.

    EncodingError past 65,535 bytes and for text that has no UTF-8 form (lone surrogates)."""
    parts: list[bytes] = []
    for field in fields:
        data = _utf8(field) if isinstance(field, str) else field
        if len(data) > FIELD_MAX:
            raise EncodingError("field longer than 65535 bytes")
        parts.append(len(data).to_bytes(2, "big"))
        parts.append(data)
    return b"".join(parts)


def lp_split(data: bytes, count: int) -> tuple[bytes, ...]:
    """The inverse of `lp` for exactly `count` fields; every byte must be used, else EncodingError."""
    fields: list[bytes] = []
    position = 0
    for _ in range(count):
        start = position + 2
        if start > len(data):
            raise EncodingError("length prefix is cut off")
        position = start + int.from_bytes(data[position:start], "big")
        if position > len(data):
            raise EncodingError("field is cut off")
        fields.append(data[start:position])
    if position != len(data):
        raise EncodingError("bytes after the last field")
    return tuple(fields)


def i2osp(number: int, length: int) -> bytes:
    """Integer to `length` big-endian bytes (RFC 8017, section 4.1); EncodingError when it does not fit."""
    try:
        return number.to_bytes(length, "big")
    except OverflowError as error:
        raise EncodingError("integer does not fit") from error


def os2ip(data: bytes) -> int:
    """Big-endian bytes to integer (RFC 8017, section 4.2)."""
    return int.from_bytes(data, "big")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise EncodingError("text has no UTF-8 form") from error


def _ascii(text: str | bytes) -> bytes:
    try:
        return text.encode("ascii") if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError as error:
        raise EncodingError("not ASCII") from error
