"""Signing in and out: OpenID Connect's code flow, and every check that is the app's own.

There are one or two ways in, directly at the account issuer or veiled at the door; the code is the same for both.
The answer at `/callback` is believed in this order:
 1 nothing is repeated       3 state was made here           5 code for tokens, with the PKCE verifier
 2 iss is an issuer of ours  4 the issuer did not say no     6 signature, iss, aud, exp, nonce, age_band
Steps 1 to 3 stand here because Authlib's client leaves them out, 3 for refusals (RFC 9207; RFC 6749, section 4.1.2.1).
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from flask import Blueprint, abort, redirect, request, session
from joserfc.errors import JoseError
from requests import RequestException
from werkzeug.wrappers import Response

from relying_party_demo.configuration import Configuration
from relying_party_demo.id_tokens import KeptIdTokens
from relying_party_demo.issuer import LEEWAY_SECONDS, IssuerClient, WrongMetadata
from relying_party_demo.languages import locale
from relying_party_demo.messages import Page, message

PENDING_SIGN_INS = 2
"""Sign-ins that may be under way in one browser: each holds a verifier in the cookie, which has 4 kB at most."""

SESSION_LIFETIME = timedelta(hours=1)
"""A band is believed for an hour: a person comes of age, and a device changes hands."""

VEILED = "veiled"
"""The name of the second way in, where there is one; its issuer is a door."""

_UNREACHABLE = (RequestException, WrongMetadata)
# What Authlib and joserfc raise on hostile answers; beyond their own errors they pass on what Python says of bad JSON.
_UNTRUSTED = (OAuthError, JoseError, ValueError, TypeError, LookupError, AttributeError)

_log = logging.getLogger("relying_party_demo")


class Refused(Exception):
    """Nobody was signed in. `word` names the text of the page (see `languages`), `status` the HTTP status."""

    def __init__(self, word: str, status: int) -> None:
        super().__init__(word)
        self.word = word
        self.status = status


def sign_in_pages(clients: Sequence[IssuerClient], configuration: Configuration) -> Blueprint:
    """The pages `/sign-in`, `/callback`, `/sign-out` and `/signed-out`; the first of `clients` is the usual way in."""
    pages = Blueprint("sign_in", __name__)
    id_tokens = KeptIdTokens(SESSION_LIFETIME.total_seconds())
    by_name = {client.name: client for client in clients}
    by_issuer = {client.issuer: client for client in clients}

    @pages.get("/sign-in")
    def begin() -> Response:
        _forget_older_sign_ins()
        client = by_name.get(request.args.get("way", ""), clients[0])
        try:
            answer: Response = client.authorize_redirect(configuration.redirect_uri, ui_locales=locale())
        except (*_UNREACHABLE, *_UNTRUSTED) as error:
            raise _refused("unreachable", 503, error) from error
        return answer

    @pages.get("/callback")
    def callback() -> Response:
        if any(len(values) > 1 for _, values in request.args.lists()):  # 1
            raise _refused("untrusted", 400)
        client = by_issuer.get(request.args.get("iss", ""))
        if client is None:  # 2
            raise _refused("untrusted", 400)
        state = request.args.get("state", "")
        if client.framework.get_state_data(session, state) is None:  # 3
            raise _refused("expired", 400)
        if "error" in request.args:  # 4
            client.framework.clear_state_data(session, state)
            raise _declined(request.args["error"])
        try:
            token = client.authorize_access_token(  # 5, 6
                claims_options=client.claims_options(), leeway=LEEWAY_SECONDS
            )
            told = token["userinfo"]
        except _UNREACHABLE as error:
            raise _refused("unreachable", 503, error) from error
        except _UNTRUSTED as error:
            raise _refused("untrusted", 400, error) from error
        session.clear()
        session["sub"], session["age_band"] = told["sub"], told["age_band"]
        if client is not clients[0]:
            session["way"] = client.name
        id_tokens.keep(told["sub"], token["id_token"])
        return redirect("/", 303)

    @pages.post("/sign-out")
    def sign_out() -> Response:
        if request.headers.get("Origin", configuration.base_url) != configuration.base_url:
            abort(403)
        id_token = id_tokens.take(session.get("sub", ""))
        client = by_name.get(session.get("way", ""), clients[0])
        session.clear()
        at_issuer = _sign_out_at_issuer(client, configuration, id_token) if id_token is not None else None
        return at_issuer or redirect("/signed-out?here", 303)

    @pages.get("/signed-out")
    def signed_out() -> Page:
        # Nobody is signed out by coming here: any other site could send people.
        for client in clients:
            client.framework.clear_state_data(session, request.args.get("state", ""))
        return message("signed_out_title", "signed_out_here" if "here" in request.args else "signed_out", 200)

    return pages


def _sign_out_at_issuer(client: IssuerClient, configuration: Configuration, id_token: str) -> Response | None:
    """On to the issuer, where it offers RP-Initiated Logout 1.0 and can be reached; else None."""
    try:
        if "end_session_endpoint" not in client.load_server_metadata():
            return None
        answer: Response = client.logout_redirect(
            configuration.post_logout_redirect_uri,
            id_token_hint=id_token,
            client_id=client.client_id,
            ui_locales=locale(),
        )
    except (*_UNREACHABLE, *_UNTRUSTED) as error:
        _log.warning("signed out here only: %s", type(error).__name__)
        return None
    answer.status_code = 303
    return answer


def _declined(error: str) -> Refused:
    if error in ("temporarily_unavailable", "server_error"):
        return _refused("unreachable", 503)
    return _refused("declined" if error == "access_denied" else "failed", 403)


def _refused(word: str, status: int, cause: Exception | None = None) -> Refused:
    # The kind of the cause and no more: its text can hold a token.
    _log.warning("sign-in refused: %s %s", word, type(cause).__name__ if cause else "")
    return Refused(word, status)


def _forget_older_sign_ins() -> None:
    pending = [name for name in session if name.startswith("_state_")]
    pending.sort(key=lambda name: session[name]["exp"])
    while len(pending) >= PENDING_SIGN_INS:
        del session[pending.pop(0)]


def form_targets(configuration: Configuration) -> str:
    """Where forms may lead: a browser applies `form-action` to redirects as well, and these go to the issuer."""
    issuers = [configuration.issuer, *([configuration.veiled.issuer] if configuration.veiled else [])]
    return " ".join(["'self'", *(f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, issuers))])
