"""Form and query parameters, each at most once (RFC 6749, sections 3.1 and 3.2)."""

from collections.abc import Iterable
from urllib.parse import unquote_plus, unquote_to_bytes

from idp.protocol.errors import InvalidRequest

MAX_PARAMETERS = 60


def parse_pairs(text: bytes | str) -> list[tuple[str, str]]:
    """Names and values of `application/x-www-form-urlencoded` text, in order, empty values left out.

    InvalidRequest on invalid UTF-8, NUL, or more than 60 parameters. An empty value counts as absent (RFC 6749, 3.1).
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("ascii")
        except UnicodeDecodeError as error:
            raise InvalidRequest("parameters must be percent-encoded") from error
    if "\x00" in text:
        raise InvalidRequest("a parameter contains a NUL character")
    fields = text.split("&") if text else []
    if len(fields) > MAX_PARAMETERS:
        raise InvalidRequest("too many parameters")
    pairs: list[tuple[str, str]] = []
    for field in fields:
        name, _, value = field.partition("=")
        if value:
            pairs.append((_decode(name), _decode(value)) if "%" in field or "+" in field else (name, value))
    return pairs


def repeated(pairs: Iterable[tuple[str, str]]) -> str | None:
    """The name of a parameter that occurs twice, or None."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    return None


def parse_once(text: bytes | str) -> dict[str, str]:
    """Parameters by name; InvalidRequest when any occurs twice."""
    pairs = parse_pairs(text)
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise InvalidRequest("a parameter is repeated")
    return parameters


def _decode(text: str) -> str:
    decoded = unquote_plus(text, errors="replace")
    if "\x00" in decoded:
        raise InvalidRequest("a parameter contains a NUL character")
    if "\ufffd" in decoded:
        try:
            unquote_to_bytes(text).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidRequest("a parameter is not UTF-8") from error
    return decoded
