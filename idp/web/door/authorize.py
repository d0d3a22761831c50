"""`/authorize` at the door: an app sends a person, who will show a token (OIDC Core, section 3.1.2.1)."""

from urllib.parse import urlsplit

from flask import Response

from idp.domain.client import ClientState
from idp.domain.errors import Unavailable
from idp.protocol.authorization import checks
from idp.protocol.authorization.pending import Pending, seal_pending
from idp.protocol.authorization.request import AuthorizationRequest, UnverifiedRequest
from idp.protocol.authorization.response import AuthorizationResponse, refusal
from idp.protocol.door.authorization import begin_presentation
from idp.protocol.door.door import Door
from idp.protocol.door.presentation import Waiting, waiting
from idp.protocol.errors import ProtocolError, UnreviewedApp
from idp.web.answer import answer
from idp.web.app_card import shown_name
from idp.web.cookies import new_secret
from idp.web.csrf import FormTokens
from idp.web.errors import report_unexpected
from idp.web.fields import Fields
from idp.web.machine.present import PATH
from idp.web.security_headers import form_source, wallet_policy
from idp.web.site import Visit
from idp.web.wallet_files import MEDIA_TYPES
from idp.web.wallet_page import WalletPage


def ask(door: Door, page: WalletPage, visit: Visit) -> Response:
    """Answer an authorization request: the wallet's page with the request in it, or an error as the app expects it.

    Errors of `locate` (app unknown, redirect URI unproven) become a page, all later ones an answer to the app.
    """
    fields = visit.form if visit.request.method == "POST" else visit.query
    visit.ui_locales = tuple(word for value in fields.values("ui_locales")[:1] for word in value.split())
    unverified = UnverifiedRequest(fields.pairs)
    located = checks.locate(door.provider, unverified)
    outcome = _outcome(door, fields, unverified, located)
    if isinstance(outcome, Pending):
        return _page(door, page, visit, outcome)
    if located.client.state is not ClientState.ACTIVE:
        raise UnreviewedApp(outcome.parameters[0][1])
    return answer(visit, outcome)


def _outcome(
    door: Door, fields: Fields, unverified: UnverifiedRequest, located: AuthorizationRequest
) -> AuthorizationResponse | Pending:
    provider = door.provider
    try:
        fields.check()
        return begin_presentation(provider, checks.check(provider, unverified, located))
    except ProtocolError as error:
        return refusal(provider, located, error)
    except Unavailable:
        raise
    except Exception as error:
        # A status 500 cannot travel through a redirect: `server_error` is there for it (RFC 6749, 4.1.2.1).
        return refusal(provider, located, ProtocolError(f"reference {report_unexpected(error)}"))


def _page(door: Door, page: WalletPage, visit: Visit, pending: Pending) -> Response:
    provider = door.provider
    # A secret for this request alone: a browser that comes twice is not known again.
    secret = new_secret()
    found = waiting(provider, pending, seal_pending(provider, pending, secret))
    csrf = FormTokens(provider.realm.ring, secret, b"").token(PATH)
    body = page.with_request(_presentation(door, found, csrf))
    response = Response(body, 200, content_type=MEDIA_TYPES[".html"])
    name, value = visit.site.cookies.request_header(secret, provider.lifetimes.interaction)
    response.headers.add(name, value)
    posts = found.request.response_mode == "form_post"
    visit.policy = wallet_policy(door.account_issuer, (form_source(found.request.redirect_uri),) if posts else ())
    return response


def _presentation(door: Door, found: Waiting, csrf: str) -> dict[str, object]:
    """What the wallet reads of the request (`present.mjs`)."""
    client = found.request.client
    return {
        "door": door.provider.issuer,
        "request_id": found.id,
        "sector": client.sector,
        "app_domain": _domain(found.request.redirect_uri),
        "app_name": shown_name(client.name),
        "csrf": csrf,
        "request": found.sealed,
        "present": door.provider.issuer + PATH,
        "expires_at": found.expires_at,
    }


def _domain(redirect_uri: str) -> str:
    """Where the person is going: the host in ASCII with its port, or the scheme of an app on this device."""
    parts = urlsplit(redirect_uri)
    return parts.netloc if parts.scheme in ("http", "https") else parts.scheme
