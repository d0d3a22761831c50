"""Between WSGI and the protocol: read a request, bound its size, map every refusal to its answer, add headers."""

import logging
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from limits import RateLimitItem

from idp.domain.errors import Unavailable
from idp.protocol import errors
from idp.protocol.bearer import ResourceRefusal
from idp.protocol.message import NO_STORE, Request, Response, json_response
from idp.web.metrics import Metrics
from idp.web.rate_limit import FAILURES, RateLimits

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Endpoint = Callable[[Request], Response]

MAX_BODY = 64 * 1024
"""Bytes. The largest honest request is a batch of 100 blinded messages, about 26 kB."""

MAX_QUERY = 16 * 1024

RETRY_AFTER_SECONDS = "2"

_CREATIONS = "creations"

_COUNTED = re.compile(rb'"error":"invalid_(?:grant|token)"')
"""Refusals with 400 that a guesser would collect; those with 401 count as well."""

_log = logging.getLogger("blindage.machine")

_REASONS = {
    200: "200 OK",
    201: "201 Created",
    204: "204 No Content",
    206: "206 Partial Content",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    409: "409 Conflict",
    413: "413 Content Too Large",
    415: "415 Unsupported Media Type",
    422: "422 Unprocessable Content",
    429: "429 Too Many Requests",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}

_CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce, Retry-After"),
)
# Beside `_CORS`, which every answer of these endpoints carries: a header that stands twice counts for none.
_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP, Accept"),
    ("Access-Control-Max-Age", "600"),
)


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `cors`: scripts of any origin may read its answers, without cookies.

    `guarded`: refused credentials are counted, and past the limit the sender waits (RFC 6749, 10.10). `creations`:
    so is what is made without credentials.
    """

    name: str
    endpoint: Endpoint
    cors: bool = False
    guarded: bool = False
    creations: RateLimitItem | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """What every machine answer passes: limits, error mapping, headers, measurement. `extra` headers: HSTS."""

    limits: RateLimits
    metrics: Metrics
    extra: tuple[tuple[str, str], ...]

    def answer(self, route: Route, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Run one endpoint for one WSGI request. Never raises."""
        begun = perf_counter()
        if route.cors and environ["REQUEST_METHOD"] == "OPTIONS":
            response = Response(204, headers=_PREFLIGHT)
        elif route.guarded:
            response = self._guarded(route, environ)
        else:
            response = _run(route, environ)
        headers = [("X-Content-Type-Options", "nosniff"), *response.headers, *self.extra]
        if response.status != 204:
            # An answer without content says nothing about it (RFC 9110, section 8.6).
            headers += [("Content-Type", response.content_type), ("Content-Length", str(len(response.body)))]
        if route.cors:
            headers.extend(_CORS)
        start_response(_REASONS[response.status], headers)
        self.metrics.observe(route.name, response.status, perf_counter() - begun)
        return [response.body]

    def _guarded(self, route: Route, environ: Environ) -> Response:
        peer: str = environ.get("blindage.peer", "")
        creations = route.creations if "HTTP_AUTHORIZATION" not in environ else None
        verdict = self.limits.check(FAILURES, route.name, peer)
        if verdict.allowed and creations is not None:
            verdict = self.limits.check(creations, route.name, peer, _CREATIONS)
        if not verdict.allowed:
            return _slow_down(verdict.retry_after)
        response = _run(route, environ)
        if response.status == 401 or (response.status == 400 and _COUNTED.search(response.body)):
            if response.blame is not None:
                return self._blamed(route, response, response.blame)
            self.limits.failed(FAILURES, route.name, peer)
        elif response.status == 201 and creations is not None:
            self.limits.failed(creations, route.name, peer, _CREATIONS)
        return response

    def _blamed(self, route: Route, response: Response, client_id: str) -> Response:
        """A refusal of a client that proved who it is, counted for it alone, and the answer once there are too many.

        What it redeems rightly goes on: else anybody could shut an app out by feeding it wrong codes.
        """
        verdict = self.limits.check(FAILURES, route.name, "", client_id)
        self.limits.failed(FAILURES, route.name, "", client_id)
        return response if verdict.allowed else _slow_down(verdict.retry_after)


def _slow_down(retry_after: int) -> Response:
    body = {"error": "slow_down", "error_description": "too many requests"}
    return json_response(body, 429, (*NO_STORE, ("Retry-After", str(retry_after))))


def _run(route: Route, environ: Environ) -> Response:
    try:
        return route.endpoint(_read(environ))
    except errors.ProtocolError as error:
        return error_response(error)
    except Unavailable as error:
        _log.warning("unavailable", extra={"reason": error.reason, "endpoint": route.name})
        return _unavailable()
    except Exception as error:
        return _unexpected(error, route.name)


def error_response(error: errors.ProtocolError) -> Response:
    """The registered answer of a refusal (RFC 6749, section 5.2; RFC 6750, section 3)."""
    body = {"error": error.error}
    if error.text:
        body["error_description"] = error.text
    if isinstance(error, ResourceRefusal) and error.bare:
        return Response(error.status_code, headers=(*NO_STORE, *error.headers))
    headers: tuple[tuple[str, str], ...] = NO_STORE
    headers += tuple((n, v) for n, v in error.get_headers() if n.lower() in ("www-authenticate", "dpop-nonce"))
    if isinstance(error, errors.MethodNotAllowed):
        headers += (("Allow", error.allow),)
    if error.status_code in (429, 503):
        headers += (("Retry-After", RETRY_AFTER_SECONDS),)
    return json_response(body, error.status_code, headers)


def _unavailable() -> Response:
    body = {"error": "temporarily_unavailable", "error_description": "try again shortly"}
    return json_response(body, 503, (*NO_STORE, ("Retry-After", RETRY_AFTER_SECONDS)))


def _unexpected(error: Exception, endpoint: str) -> Response:
    """What nobody foresaw: a reference number outside, kind and place (never values) inside."""
    reference = secrets.token_hex(8)
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else "?"
    kind = type(error).__name__
    _log.error("unexpected", extra={"reference": reference, "kind": kind, "where": where, "endpoint": endpoint})
    return json_response({"error": "server_error", "error_description": f"reference {reference}"}, 500)


def _read(environ: Environ) -> Request:
    get = environ.get
    query: str = get("QUERY_STRING", "")
    if len(query) > MAX_QUERY:
        raise errors.InvalidRequest("the address is too long")
    method: str = environ["REQUEST_METHOD"]
    dpop = get("HTTP_DPOP")
    return Request(
        method=method,
        path=environ["PATH_INFO"],
        query=query,
        body=_body(environ) if method in ("POST", "PUT") else b"",
        content_type=get("CONTENT_TYPE") or "",
        authorization=get("HTTP_AUTHORIZATION"),
        # A second header line reaches WSGI joined by a comma, which no proof contains.
        dpop=tuple(dpop.split(",")) if dpop is not None else (),
        accept=get("HTTP_ACCEPT", ""),
        origin=get("HTTP_ORIGIN"),
        cookie=get("HTTP_COOKIE", ""),
        fetch_site=get("HTTP_SEC_FETCH_SITE"),
        peer=get("blindage.peer", ""),
    )


def _body(environ: Environ) -> bytes:
    length: str = environ.get("CONTENT_LENGTH") or ""
    if length and (not length.isdigit() or int(length[:12]) > MAX_BODY):
        raise errors.PayloadTooLarge("the body is larger than 64 kB")
    stream = environ["wsgi.input"]
    # Without a length the server reads a chunked body; one byte more than allowed tells that it is too long.
    body: bytes = stream.read(int(length) if length else MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise errors.PayloadTooLarge("the body is larger than 64 kB")
    return body
