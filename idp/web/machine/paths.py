"""The path table of the machine endpoints; what stands here is served, and what is served is advertised."""

from collections.abc import Callable
from urllib.parse import urlsplit

import orjson

from idp.protocol import client_registration, metadata
from idp.protocol.client_registration import RegistrationEndpoint
from idp.protocol.device_authorization import answer_device_authorization
from idp.protocol.errors import MethodNotAllowed
from idp.protocol.introspection import answer_introspection
from idp.protocol.message import JSON, Request, Response
from idp.protocol.provider import Provider
from idp.protocol.pushed_request import answer_pushed_request
from idp.protocol.revocation import answer_revocation
from idp.protocol.server import TokenServer
from idp.protocol.token import answer_token_request
from idp.protocol.userinfo import answer_userinfo
from idp.web.machine.edge import Endpoint, Route
from idp.web.machine.health import Health, MetricsPage
from idp.web.rate_limit import REGISTRATIONS

DISCOVERY = "/.well-known/openid-configuration"
OAUTH_METADATA = "/.well-known/oauth-authorization-server"

ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "pushed_authorization_request_endpoint": "/par",
    "device_authorization_endpoint": "/device_authorization",
    "introspection_endpoint": "/introspect",
    "revocation_endpoint": "/revoke",
    "end_session_endpoint": "/logout",
    "registration_endpoint": client_registration.PATH,
    "jwks_uri": "/jwks",
}
"""Metadata names of what this provider serves, pages included."""


DOOR_ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "pushed_authorization_request_endpoint": "/par",
    "end_session_endpoint": "/logout",
    "jwks_uri": "/jwks",
}
"""What the door serves: nothing to refresh, so nothing to revoke; apps are registered by the operator alone."""


Table = dict[str, Route]
"""A key that ends in a slash serves what lies one segment below it."""


def machine_table(
    provider: Provider, server: TokenServer, health: Health, metrics: MetricsPage, open_registration: bool
) -> Table:
    """Every machine path of the account issuer, relative to the issuer's own path."""
    clients = RegistrationEndpoint(provider, server.grant_types, open_registration)
    return {
        **_common_table(provider, server, health, metrics, ENDPOINTS),
        "/device_authorization": Route(
            "device_authorization", lambda r: answer_device_authorization(provider, r), cors=True, guarded=True
        ),
        "/introspect": Route("introspect", lambda r: answer_introspection(provider, r), guarded=True),
        "/revoke": Route("revoke", lambda r: answer_revocation(provider, r), cors=True, guarded=True),
        client_registration.PATH: Route("register", clients.register, guarded=True, creations=REGISTRATIONS),
        client_registration.PATH + "/": Route("configure_client", clients.configure, guarded=True),
    }


def door_table(provider: Provider, server: TokenServer, health: Health, metrics: MetricsPage) -> Table:
    """Every machine path of the door but the wallet's, relative to the issuer's own path."""
    return _common_table(provider, server, health, metrics, DOOR_ENDPOINTS)


def _common_table(
    provider: Provider, server: TokenServer, health: Health, metrics: MetricsPage, endpoints: dict[str, str]
) -> Table:
    """What both sides serve, and the document that says of `endpoints` where they are."""
    document = orjson.dumps(metadata.provider_metadata(provider, server, endpoints))
    discovery = Route("discovery", _document(lambda: document), cors=True)
    return {
        "/token": Route("token", lambda r: answer_token_request(provider, server, r), cors=True, guarded=True),
        "/userinfo": Route("userinfo", lambda r: answer_userinfo(provider, r), cors=True),
        "/par": Route("par", lambda r: answer_pushed_request(provider, r), cors=True, guarded=True),
        "/jwks": Route("jwks", _document(provider.keys.document), cors=True),
        DISCOVERY: discovery,
        **{path: discovery for path in _oauth_metadata_paths(provider.issuer)},
        "/healthz": Route("healthz", health.live),
        "/readyz": Route("readyz", health.ready),
        "/metrics": Route("metrics", metrics.answer),
    }


def _oauth_metadata_paths(issuer: str) -> tuple[str, ...]:
    """RFC 8414, section 3.1: the well-known part stands before an issuer's path. The bare address would lie."""
    return (OAUTH_METADATA + urlsplit(issuer).path.rstrip("/"),)


def _document(content: Callable[[], bytes]) -> Endpoint:
    cacheable = (("Cache-Control", f"public, max-age={metadata.MAX_AGE}"),)

    def endpoint(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET, HEAD")
        return Response(200, content(), JSON, cacheable)

    return endpoint
