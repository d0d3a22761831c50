"""The WSGI application: machine paths go to `web/machine`, the rest to Flask."""

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from idp.composition import token_server
from idp.domain.redirect_uri import is_loopback_host
from idp.protocol.provider import Provider
from idp.settings import Settings
from idp.web.machine.edge import Environ, StartResponse
from idp.web.machine.paths import machine_table, serve
from idp.web.pages.application import create_pages
from idp.web.security_headers import transport_security

Application = Callable[[Environ, StartResponse], Iterable[bytes]]

UNHOSTED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that a balancer asks by address: they do not look at `Host`."""


def build_application(provider: Provider, settings: Settings) -> Application:
    """One callable for an HTTP server."""
    base = urlsplit(settings.issuer).path.rstrip("/")
    table = {
        path if path.startswith("/.well-known/oauth-authorization-server") else base + path: route
        for path, route in machine_table(provider, token_server(provider)).items()
    }
    pages = create_pages(provider)
    known_host = _host_check(settings)
    extra = transport_security(settings.issuer)
    hops = settings.proxy_hops

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not known_host(environ.get("HTTP_HOST")) and path not in UNHOSTED:
            return _misdirected(start_response)
        environ["blindage.peer"] = _peer(environ, hops)
        route = table.get(path)
        if route is not None:
            return serve(route, environ, start_response, extra)
        if base:
            if not path.startswith(base + "/"):
                return _misdirected(start_response)
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = base, path[len(base) :]
        answer: Iterable[bytes] = pages(environ, start_response)
        return answer

    return application


def _host_check(settings: Settings) -> Callable[[str | None], bool]:
    """Only the issuer's own name is served (threats A34); on loopback any loopback name with its port is."""
    host, port = settings.host, urlsplit(settings.issuer).port
    if not settings.loopback:
        return lambda named: named == host

    def loopback(named: str | None) -> bool:
        if named == host:
            return True
        try:
            parts = urlsplit(f"//{named}")
            return is_loopback_host(parts.hostname) and parts.port == port
        except ValueError:
            return False

    return loopback


def _peer(environ: Environ, hops: int) -> str:
    """The address limits count by: the direct peer, or what the outermost of our own proxies saw."""
    if hops:
        header: str = environ.get("HTTP_X_FORWARDED_FOR", "")
        forwarded = [part.strip() for part in header.split(",") if part.strip()]
        if len(forwarded) >= hops:
            return forwarded[-hops]
    peer: str = environ.get("REMOTE_ADDR", "")
    return peer


def _misdirected(start_response: StartResponse) -> Iterable[bytes]:
    body = b"This address is not served here.\n"
    start_response(
        "400 Bad Request",
        [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")],
    )
    return [body]
