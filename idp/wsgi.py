"""The WSGI application: machine paths go to `web/machine`, the rest to Flask."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from flask import Flask

from idp.composition import compose_door, log_signer, serves_tokens, token_server, token_signers
from idp.domain.age_token import WALLET_BATCH, WALLET_CLIENT_ID
from idp.domain.redirect_uri import is_loopback_host
from idp.protocol.provider import Provider
from idp.settings import Role, Settings
from idp.web.door.application import create_door_pages
from idp.web.machine.age_tokens import age_token_table
from idp.web.machine.edge import Edge, Environ, StartResponse
from idp.web.machine.health import DIRECT_LOOPBACK, Health, MetricsPage, is_direct_loopback
from idp.web.machine.paths import door_table, machine_table
from idp.web.machine.present import presentation_table
from idp.web.machine.security_contact import PATH as SECURITY_TXT
from idp.web.machine.security_contact import security_contact_table
from idp.web.machine.wallet import wallet_config, wallet_table
from idp.web.metrics import Metrics
from idp.web.pages.application import create_pages
from idp.web.rate_limit import RateLimits
from idp.web.security_headers import transport_security
from idp.web.wallet_files import read_wallet
from idp.web.wallet_page import WalletPage

Application = Callable[[Environ, StartResponse], Iterable[bytes]]

UNHOSTED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that a balancer asks by address: they do not look at `Host`."""


def build_application(
    provider: Provider, settings: Settings, metrics: Metrics, draining: Callable[[], bool] = lambda: False
) -> Application:
    """One callable for an HTTP server; `draining` says when readiness is to be denied."""
    base = urlsplit(settings.issuer).path.rstrip("/")
    limits = RateLimits(provider.realm.clock, settings.redis_url, settings.rate_limits)
    edge = Edge(limits, metrics, transport_security(settings.issuer))
    health = Health(provider.realm.store, draining, provider.now)
    figures = MetricsPage(metrics, settings.metrics_token())
    pages: Flask
    if settings.role is Role.DOOR:
        door, files = compose_door(provider, settings), read_wallet()
        # Without a living key of the log it could only turn everybody away.
        health = replace(health, able=lambda: bool(door.keys.live_bands()))
        wallet = WalletPage(files)
        paths = door_table(provider, token_server(provider), health, figures)
        paths |= wallet_table(door, wallet, files, wallet_config(door, WALLET_CLIENT_ID, WALLET_BATCH))
        paths |= presentation_table(door)
        pages = create_door_pages(door, wallet, limits)
    else:
        paths = machine_table(provider, token_server(provider), health, figures, settings.open_registration)
        if serves_tokens(settings.issuer):
            paths |= age_token_table(provider, token_signers(provider), log_signer(provider))
        pages = create_pages(provider, limits)
    if settings.security_contact is not None:
        paths |= security_contact_table(settings.security_contact, _origin(settings.issuer), provider.now)
    # RFC 8414, section 3.1, and RFC 9116, section 3, put these at the root of the host.
    unbased = ("/.well-known/oauth-authorization-server", SECURITY_TXT, *UNHOSTED)
    table = {path if path.startswith(unbased) else base + path: route for path, route in paths.items()}
    known_host = _host_check(settings)
    hops = settings.proxy_hops

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not known_host(environ.get("HTTP_HOST")) and path not in UNHOSTED:
            return _misdirected(start_response)
        environ["blindage.peer"] = _peer(environ, hops)
        route = table.get(path) or table.get(path[: path.rfind("/") + 1])
        within = path.startswith(base + "/")
        if base and within:
            # Below the issuer's own path: addresses made from the issuer and the path are right for both halves.
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = base, path[len(base) :]
        if route is not None:
            return edge.answer(route, environ, start_response)
        if not within:
            return _misdirected(start_response)
        answer: Iterable[bytes] = pages(environ, start_response)
        return answer

    return application


def _origin(issuer: str) -> str:
    """Scheme and host of an issuer, without its path."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}"


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
    header: str = environ.get("HTTP_X_FORWARDED_FOR", "")
    if hops:
        forwarded = [part.strip() for part in header.split(",") if part.strip()]
        if len(forwarded) >= hops:
            return forwarded[-hops]
    peer: str = environ.get("REMOTE_ADDR", "")
    if environ["PATH_INFO"] == "/metrics" and is_direct_loopback(peer, forwarded=bool(header)):
        return DIRECT_LOOPBACK
    return peer


def _misdirected(start_response: StartResponse) -> Iterable[bytes]:
    body = b"This address is not served here.\n"
    start_response(
        "400 Bad Request",
        [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")],
    )
    return [body]
