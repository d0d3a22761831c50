"""The path table of the machine endpoints; what stands here is served, and what is served is advertised."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson

from idp.protocol import metadata
from idp.protocol.errors import MethodNotAllowed
from idp.protocol.message import JSON, Request, Response
from idp.protocol.provider import Provider
from idp.protocol.server import TokenServer
from idp.protocol.token import answer_token_request
from idp.protocol.userinfo import answer_userinfo
from idp.web.machine.edge import Endpoint, Environ, StartResponse, answer

DISCOVERY = "/.well-known/openid-configuration"
OAUTH_METADATA = "/.well-known/oauth-authorization-server"

ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "jwks_uri": "/jwks",
}
"""Metadata names of what this provider serves, pages included."""


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint and whether scripts of other origins may read its answers."""

    endpoint: Endpoint
    cors: bool


Table = dict[str, Route]


def machine_table(provider: Provider, server: TokenServer) -> Table:
    """Every machine path of the account issuer, relative to the issuer's own path."""
    document = orjson.dumps(metadata.provider_metadata(provider, server, ENDPOINTS))
    discovery = Route(_document(lambda: document), cors=True)
    return {
        "/token": Route(lambda request: answer_token_request(provider, server, request), cors=True),
        "/userinfo": Route(lambda request: answer_userinfo(provider, request), cors=True),
        "/jwks": Route(_document(provider.keys.document), cors=True),
        DISCOVERY: discovery,
        **{path: discovery for path in _oauth_metadata_paths(provider.issuer)},
    }


def serve(
    route: Route, environ: Environ, start_response: StartResponse, extra: tuple[tuple[str, str], ...]
) -> Iterable[bytes]:
    """Answer one request at a route; `extra` headers stand on every answer (HSTS)."""
    return answer(route.endpoint, environ, start_response, extra, route.cors)


def _oauth_metadata_paths(issuer: str) -> tuple[str, ...]:
    """RFC 8414, section 3.1: the well-known part stands before an issuer's path; the appended form is served too."""
    path = urlsplit(issuer).path.rstrip("/")
    return (OAUTH_METADATA,) if not path else (OAUTH_METADATA, OAUTH_METADATA + path)


def _document(content: Callable[[], bytes]) -> Endpoint:
    cacheable = (("Cache-Control", f"public, max-age={metadata.MAX_AGE}"),)

    def endpoint(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET, HEAD")
        return Response(200, content(), JSON, cacheable)

    return endpoint
