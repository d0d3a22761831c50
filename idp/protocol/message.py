"""Requests and responses as the protocol sees them: no framework, no environ, nothing that was not asked for."""

from dataclasses import field

import orjson

from idp.domain.value import value

NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@value
class Request:
    """One HTTP request to a machine endpoint. `query` is the raw query string, `body` at most the size limit.

    `dpop` holds the DPoP header lines (RFC 9449 wants exactly one); `cookie` and `fetch_site` are the headers Cookie
    and Sec-Fetch-Site, for the one endpoint that pages post to; `peer` is the address limits count by.
    """

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    authorization: str | None = None
    dpop: tuple[str, ...] = ()
    accept: str = ""
    origin: str | None = None
    cookie: str = ""
    fetch_site: str | None = None
    peer: str = ""


@value
class Response:
    """One HTTP answer; `headers` holds no Content-Length, the edge adds it.

    `blame`: the client that has proven who it is, and to whom alone a refusal counts.
    """

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = field(default=NO_STORE)
    blame: str | None = None


def json_response(
    body: object, status: int = 200, headers: tuple[tuple[str, str], ...] = NO_STORE
) -> Response:
    """An answer in JSON that is not cached unless `headers` say so (RFC 6749, section 5.1)."""
    return Response(status, orjson.dumps(body), JSON, headers)
