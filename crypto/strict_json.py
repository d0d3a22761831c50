"""JSON with one meaning (RFC 8259, RFC 7493): what two parsers could read differently is refused."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from crypto.errors import EncodingError

MAX_DEPTH = 32
# RFC 7493, section 2.2: beyond this a reader that uses doubles sees another number than we do.
INTEGER_MAX = 2**53 - 1
_INTEGER_DIGITS = len(str(INTEGER_MAX))
# A string that never ends is taken to the end of the text: tried at each quote anew, it would cost a square.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json_strict(data: bytes | str, max_depth: int = MAX_DEPTH) -> Any:
    """Parse one JSON text in UTF-8 (RFC 8259); anything ambiguous raises EncodingError.

    Refused besides bad syntax: a member name twice in an object, NaN and infinities (`1e999` too), integers
    past 2**53 - 1, lone surrogates, a byte order mark, nesting past `max_depth`. The size is the caller's."""
    text = _text_of(data)
    _check_depth(text, max_depth)
    try:
        value = _DECODER.decode(text)
    except EncodingError:
        raise
    except (ValueError, RecursionError):
        # The cause quotes the document, which may hold secrets: it goes no further.
        raise EncodingError("not a JSON text") from None
    # Text without such an escape has no lone surrogate, since it came through UTF-8.
    if _SURROGATE_ESCAPE.search(text) is not None:
        _check_surrogates(value)
    return value


def _text_of(data: bytes | str) -> str:
    try:
        if isinstance(data, str):
            data.encode()
            return data
        return data.decode()
    except UnicodeError:
        raise EncodingError("JSON text is not UTF-8") from None


def _check_depth(text: str, max_depth: int) -> None:
    # Brackets inside strings make this count too high, never too low: most documents end here.
    if text.count("[") + text.count("{") <= max_depth:
        return
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        bracket = token.group()
        if bracket in ("[", "{"):
            depth += 1
            if depth > max_depth:
                raise EncodingError("JSON text is nested too deeply")
        elif bracket in ("]", "}"):
            depth -= 1


def _strings_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings_of(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _strings_of(item)


def _check_surrogates(value: Any) -> None:
    for string in _strings_of(value):
        try:
            string.encode()
        except UnicodeEncodeError:
            raise EncodingError("JSON string holds a lone surrogate") from None


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise EncodingError("JSON object repeats a member name")
    return members


def _integer_of(digits: str) -> int:
    # The length first: the time to convert grows with the square of it.
    if len(digits) > _INTEGER_DIGITS + 1 or abs(number := int(digits)) > INTEGER_MAX:
        raise EncodingError("JSON integer is out of range")
    return number


def _float_of(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise EncodingError("JSON number is out of range")
    return number


def _refuse_constant(_name: str) -> Any:
    raise EncodingError("JSON has no NaN and no infinity")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_of,
    parse_int=_integer_of,
    parse_float=_float_of,
    parse_constant=_refuse_constant,
)
