"""All pages of one issuer as a WSGI application: one path table, one guard, one set of headers."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, g, request, url_for
from flask_babel import Babel

from idp.protocol.provider import Provider
from idp.web import locale
from idp.web.errors import PageError, register_error_pages
from idp.web.guard import Guard, admit
from idp.web.interaction import FIELD
from idp.web.page import Page
from idp.web.pages import account, authorize, consent, device, notice, passkeys, reset, sign_in, sign_out, sign_up
from idp.web.pages.ops import OPS_PAGES
from idp.web.rate_limit import RateLimits
from idp.web.security_headers import (
    NO_STORE,
    PAGE_HEADERS,
    content_security_policy,
    transport_security,
)
from idp.web.site import Site, Visit, this_visit

STATIC_SECONDS = 365 * 86400
"""Static files carry a digest of their content in the address, so they may be kept for long."""

_STATIC = "static"
_HERE = Path(__file__).parent


PAGES = (
    Page("/", "home", account.home),
    # Apps may send their request by a form (OIDC Core, 3.1.2.1): it changes nothing and needs no token.
    Page("/authorize", "authorize", authorize.ask, ("GET", "POST"), Guard.NOTHING),
    Page("/sign-in", "sign_in", sign_in.show),
    Page("/sign-in", "sign_in.submit", sign_in.submit, ("POST",), Guard.BROWSER),
    Page("/sign-in/passkey", "passkeys.begin_signing_in", passkeys.begin_signing_in),
    Page("/sign-in/passkey", "passkeys.sign_in", passkeys.sign_in, ("POST",), Guard.BROWSER),
    Page("/sign-up", "sign_up", sign_up.show),
    Page("/sign-up", "sign_up.submit", sign_up.submit, ("POST",), Guard.BROWSER),
    Page("/reset", "reset", reset.show),
    Page("/reset", "reset.submit", reset.submit, ("POST",), Guard.BROWSER),
    Page("/consent", "consent", consent.show),
    Page("/consent", "consent.submit", consent.submit, ("POST",)),
    Page("/device", "device", device.show),
    Page("/device", "device.submit", device.submit, ("POST",), Guard.BROWSER),
    Page("/device/confirm", "device.confirm", device.confirm),
    Page("/device/confirm", "device.decide", device.decide, ("POST",)),
    Page("/notice", "notice", notice.show),
    Page("/notice", "notice.submit", notice.submit, ("POST",)),
    Page("/account", "account", account.show),
    Page("/account/withdraw", "account.withdraw", account.withdraw, ("POST",)),
    Page("/account/end-session", "account.end_session", account.end_session, ("POST",)),
    Page("/account/password", "account.password", account.change_password, ("POST",)),
    Page("/account/recovery-codes", "account.recovery_codes", account.recovery_codes, ("POST",)),
    Page("/account/passkeys", "passkeys", passkeys.show),
    Page("/account/passkeys/options", "passkeys.begin_adding", passkeys.begin_adding),
    Page("/account/passkeys", "passkeys.add", passkeys.add, ("POST",)),
    Page("/account/passkeys/remove", "passkeys.remove", passkeys.remove, ("POST",)),
    Page("/account/sign-out", "account.sign_out", account.sign_out, ("POST",)),
    Page("/logout", "sign_out", sign_out.ask, ("GET", "POST"), Guard.NOTHING),
    Page("/logout/confirm", "sign_out.confirm", sign_out.confirm, ("POST",)),
    Page("/.well-known/change-password", "change_password", account.change_password_url),
    *OPS_PAGES,
)


def create_pages(provider: Provider, limits: RateLimits | None = None) -> Flask:
    """A WSGI application for everything people see. `limits` count failed tries by address; without, nothing does."""
    return build_pages(Site(provider, limits or RateLimits(provider.realm.clock, None, enabled=False)), PAGES)


def build_pages(site: Site, entries: Sequence[Page]) -> Flask:
    """A WSGI application of these pages: what the account issuer's and the door's have in common."""
    app = Flask(__name__, static_folder=_STATIC, template_folder="templates")
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = STATIC_SECONDS
    # Merging slashes would redirect to an address made from the Host header.
    app.url_map.merge_slashes = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    Babel(app, locale_selector=lambda: locale.directory(this_visit().language))
    for entry in entries:
        # Not strict at the root: an empty path would be redirected to an address made from the Host header, too.
        strict = entry.path != "/"
        app.add_url_rule(
            entry.path, entry.endpoint, _bound(entry.view), methods=list(entry.methods), strict_slashes=strict
        )
    guards = {entry.endpoint: entry.guard for entry in entries}

    @app.before_request
    def _receive() -> None:
        visit = g.visit = Visit(site, request)
        if not site.serves(request.environ.get("HTTP_HOST")):
            raise PageError("wrong_host", 400)
        if request.method == "POST" and request.endpoint is not None:
            # As url_for makes it, with the issuer's own path in front: forms carry a token for that address.
            admit(visit, guards.get(request.endpoint, Guard.SESSION), request.root_path.rstrip("/") + request.path)

    @app.after_request
    def _send(response: Response) -> Response:
        if request.endpoint == _STATIC:
            response.headers["X-Content-Type-Options"] = "nosniff"
        else:
            _dress(this_visit(), response)
        response.headers.extend(transport_security(site.provider.issuer))
        return response

    register_error_pages(app)
    digests = {name: _digest(name) for name in ("blindage.css", "logo.svg", "passkey.mjs")}

    @app.context_processor
    def _common() -> dict[str, Any]:
        visit = this_visit()
        return {
            "visit": visit,
            "language": visit.language,
            "languages": locale.LANGUAGES,
            "issuer": site.provider.issuer,
            "at_door": site.at_door,
            "issuer_host": site.origin.partition("://")[2],
            "asset": lambda name: url_for(_STATIC, filename=name, v=digests[name]),
            "language_link": lambda tag, sealed, here: _language_link(visit, tag, sealed, here),
            "form_token": lambda path, with_session=True: visit.form_tokens.token(path, with_session),
            "staff_form_token": lambda path: visit.staff_form_tokens.token(path),
        }

    return app


def _bound(view: Callable[[Visit], Response]) -> Callable[[], Response]:
    return lambda: view(this_visit())


def _digest(name: str) -> str:
    return sha256((_HERE / _STATIC / name).read_bytes()).hexdigest()[:12]


def _dress(visit: Visit, response: Response) -> None:
    """Security headers, and the cookies this visit gave reason to set."""
    for name, value in (*PAGE_HEADERS, NO_STORE):
        response.headers[name] = value
    policy = visit.policy or content_security_policy(visit.form_targets, visit.script, visit.modules)
    response.headers["Content-Security-Policy"] = policy
    if visit.site.at_door:
        # No cookie beyond a request, not even for a language: the wallet remembers it in its own storage.
        return
    cookies = visit.site.cookies
    if visit.needs_browser_cookie:
        cookies.set_secret(response, cookies.browser, visit.browser)
    if visit.chosen_language is not None:
        cookies.set_language(response, visit.chosen_language)


def _language_link(visit: Visit, tag: str, sealed: str | None, here: str | None) -> str | None:
    """The address of this page in another language, None where the page has no address to come back to.

    `sealed` is the page's interaction; `here` the path of the page when it is shown after a POST.
    """
    keep: list[tuple[str, str]] = []
    if visit.request.method in ("GET", "HEAD"):
        dropped = {"lang", "done", FIELD} if sealed else {"lang", "done"}
        keep = [pair for pair in visit.query.pairs if pair[0] not in dropped]
    elif not here:
        return None
    if sealed:
        keep.append((FIELD, sealed))
    # Without a path the link stays on this page whatever its path looks like.
    return f"{here or ''}?{urlencode([*keep, ('lang', tag)])}"
