"""Fields of a query or a posted form, read strictly, and as far as they can be read (RFC 6749, section 3.1)."""

from dataclasses import dataclass
from typing import Any

from idp.protocol.errors import InvalidRequest, PayloadTooLarge
from idp.protocol.message import FORM
from idp.protocol.parameters import parse_pairs

MAX_BODY = 64 * 1024
"""Bytes. The largest honest form is a pending request and two passwords, about 8 kB."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Names and values in order. `problem` says why the text is refused; `pairs` is then what could be read of it."""

    pairs: tuple[tuple[str, str], ...] = ()
    problem: str | None = None

    def get(self, name: str) -> str | None:
        """The one value of a field, or None. InvalidRequest when it is repeated or the text is malformed."""
        self.check()
        values = self.values(name)
        if len(values) > 1:
            raise InvalidRequest("a field is repeated")
        return values[0] if values else None

    def values(self, name: str) -> tuple[str, ...]:
        """Every readable value of a field."""
        return tuple(value for field, value in self.pairs if field == name)

    def check(self) -> None:
        """InvalidRequest when the text is malformed."""
        if self.problem is not None:
            raise InvalidRequest(self.problem)


def read_fields(text: bytes) -> Fields:
    """Parse `application/x-www-form-urlencoded` text; never raises.

    Of malformed text the readable fields stay: an error of an authorization request still goes to the app whose
    client id and redirect URI can be read.
    """
    try:
        return Fields(tuple(parse_pairs(text)))
    except InvalidRequest as error:
        problem = error.text
    readable: list[tuple[str, str]] = []
    for field in text.split(b"&"):
        try:
            readable.extend(parse_pairs(field))
        except InvalidRequest:
            continue
    return Fields(tuple(readable), problem)


def read_query(environ: dict[str, Any]) -> Fields:
    """The fields of a WSGI request's query."""
    return read_fields(environ.get("QUERY_STRING", "").encode("latin-1"))


def read_form(environ: dict[str, Any]) -> Fields:
    """The fields of a WSGI request's body; PayloadTooLarge past 64 kB. A body of another media type has no fields."""
    body = _body(environ)
    media_type = (environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
    if body and media_type != FORM:
        return Fields((), "the form must be application/x-www-form-urlencoded")
    return read_fields(body)


def _body(environ: dict[str, Any]) -> bytes:
    length: str = environ.get("CONTENT_LENGTH") or ""
    if length and (not (length.isascii() and length.isdigit()) or int(length[:12]) > MAX_BODY):
        raise PayloadTooLarge("the body is larger than 64 kB")
    # Without a length the server reads a chunked body; one byte more than allowed tells that it is too long.
    body: bytes = environ["wsgi.input"].read(int(length) if length else MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise PayloadTooLarge("the body is larger than 64 kB")
    return body
