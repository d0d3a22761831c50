"""The checks of an authorization request, in their order.

Order is security: before step 2 has proven where to answer, nothing may redirect. Each step takes a frozen request and
returns one. Steps 0 to 2 raise errors that are shown on a page; every later error goes to the proven redirect URI.

 0 pushed, signed request 4 nothing repeated      8 nonce        12 claims, acr      16 pushed where it must be
 1 client known           5 no request object     9 prompt       13 id_token_hint    17 DPoP key
 2 redirect URI proven    6 response type        10 max_age      14 locales
 3 response mode, state   7 scope                11 PKCE         15 resource
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from crypto.errors import CryptoError
from crypto.jwt import verify_jwt
from crypto.pkce import is_challenge
from idp.domain import redirect_uri
from idp.domain.client import Client
from idp.domain.device_grant import DeviceType
from idp.domain.ports import Transaction
from idp.domain.scope import AGE, OPENID, parse_scope
from idp.protocol import errors
from idp.protocol.authorization.pushed import URN, take_up
from idp.protocol.authorization.request import (
    DEVICE_TYPE,
    AuthorizationRequest,
    PersonRequest,
    UnverifiedRequest,
)
from idp.protocol.authorization.request_object import unfold_request_object
from idp.protocol.claims_request import parse_claims_request
from idp.protocol.key_set import check_once_valid
from idp.protocol.parameters import repeated
from idp.protocol.provider import Provider

MAX_VALUE_BYTES = 512
"""`state` and `nonce` travel sealed through the sign-in pages: longer ones would not fit into an address."""

RESPONSE_MODES = ("query", "form_post")
FRAGMENT = "fragment"
"""For public apps alone, which are scripts in a page: an answer that no server and no Referer carries. Not advertised,
since an app that can keep a secret has no use for it."""

RESPONSE_TYPES = ("code",)
PROMPT_VALUES = ("none", "login", "consent", "select_account")
CODE_CHALLENGE_METHODS = ("S256",)
MAX_AGE_LIMIT = 10**9
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}\Z")

R = TypeVar("R", bound=PersonRequest)
Step = Callable[[Provider, AuthorizationRequest], AuthorizationRequest]


def _unfolded(provider: Provider, unverified: UnverifiedRequest) -> UnverifiedRequest:
    """Step 0: a pushed request in place of its `request_uri` (RFC 9126, section 4), a signed one in place of `request`.

    Other parameters are ignored then (RFC 9101, section 6.3). A client without keys cannot sign: step 5 says so.
    """
    uris = [value for name, value in unverified.pairs if name == "request_uri"]
    if len(uris) == 1 and uris[0].startswith(URN) and not unverified.pushed:
        unverified = take_up(provider, uris[0], _client_known(provider, unverified).id)
    objects = [value for name, value in unverified.pairs if name == "request"]
    if len(objects) != 1:
        return unverified
    client = _client_known(provider, unverified)
    if client.jwks is None and client.jwks_uri is None:
        return unverified
    return unfold_request_object(provider, client, unverified, objects[0])


def locate(provider: Provider, unverified: UnverifiedRequest) -> AuthorizationRequest:
    """Steps 0 to 3: who asks and where to answer. Its errors must be shown on a page."""
    unverified = _unfolded(provider, unverified)
    client = _client_known(provider, unverified)
    uri = _redirect_uri_proven(client, unverified)
    request = AuthorizationRequest(
        client, unverified.first(), uri, pushed=unverified.pushed, dpop_jkt=unverified.dpop_jkt
    )
    return _response_mode_and_state(provider, unverified, request)


def check(provider: Provider, unverified: UnverifiedRequest, located: AuthorizationRequest) -> AuthorizationRequest:
    """Steps 4 to 17 on a located request; their errors go back to the client."""
    if repeated(unverified.pairs) is not None:  # 4
        raise errors.InvalidRequest("a parameter is repeated")
    request = located
    for step in STEPS:
        request = step(provider, request)
    return request


def check_device(provider: Provider, request: R) -> R:
    """Steps 5, 7, 8, 10, 12, 14 and 15 on what a device asks, which goes by no browser (RFC 8628, section 3.1)."""
    request = _no_request_object(provider, request)
    request = _scope(provider, request)
    request = _nonce(provider, request)
    request = _max_age(provider, request)
    request = _claims_and_acr(provider, request)
    request = _locales(provider, request)
    if request.parameters.get(DEVICE_TYPE, DeviceType.OTHER) not in list(DeviceType):
        raise errors.InvalidRequest(f"{DEVICE_TYPE} is none of the types")
    return _resource(provider, request)


def _client_known(provider: Provider, unverified: UnverifiedRequest) -> Client:  # 1
    named = {value for name, value in unverified.pairs if name == "client_id"}
    if len(named) != 1:
        raise errors.UnknownClient("client_id is missing or repeated")
    client_id = named.pop()
    client = None
    if len(client_id) <= MAX_VALUE_BYTES:

        def unit(tx: Transaction) -> Client | None:
            return tx.clients.get(client_id)

        client = provider.realm.store.read(unit)
    if client is None or not client.usable:
        raise errors.UnknownClient("this app is not known here")
    if "authorization_code" not in client.grant_types:
        raise errors.UnknownClient("this app does not sign people in through a browser")
    return client


def _redirect_uri_proven(client: Client, unverified: UnverifiedRequest) -> str:  # 2
    named = {value for name, value in unverified.pairs if name == "redirect_uri"}
    if len(named) != 1:
        raise errors.UnprovenRedirectUri("redirect_uri is missing or repeated")
    requested = named.pop()
    if not redirect_uri.matches(requested, client.redirect_uris, client.application_type):
        raise errors.UnprovenRedirectUri("redirect_uri is not registered for this app")
    return requested


def _response_mode_and_state(
    provider: Provider, unverified: UnverifiedRequest, request: AuthorizationRequest
) -> AuthorizationRequest:  # 3
    """Read what every later error needs: a repeated or unknown mode is answered in the default one."""
    modes = [value for name, value in unverified.pairs if name == "response_mode"]
    states = [value for name, value in unverified.pairs if name == "state"]
    mode = modes[0] if len(modes) == 1 and modes[0] in _modes(provider, request.client) else "query"
    state = states[0] if len(states) == 1 and len(states[0].encode()) <= MAX_VALUE_BYTES else None
    return replace(request, response_mode=mode, state=state)


def _modes(provider: Provider, client: Client) -> tuple[str, ...]:
    """How this client may be answered."""
    return (*RESPONSE_MODES, FRAGMENT) if client.public and provider.realm.offer.fragment else RESPONSE_MODES


def _no_request_object(_: Provider, request: R) -> R:  # 5
    if "request" in request.parameters:
        raise errors.RequestNotSupported("this app has no keys to sign request objects with")
    if "request_uri" in request.parameters:
        raise errors.RequestUriNotSupported("request_uri is not supported")
    if "registration" in request.parameters:
        raise errors.RegistrationNotSupported("self-issued registration is not supported")
    return request


def _response_type(provider: Provider, request: AuthorizationRequest) -> AuthorizationRequest:  # 6
    mode = request.parameters.get("response_mode", "query")
    if mode not in _modes(provider, request.client):
        raise errors.InvalidRequest("response_mode is not supported")
    if "state" in request.parameters and request.state is None:
        raise errors.InvalidRequest("state is longer than 512 bytes")
    response_type = request.parameters.get("response_type")
    if response_type is None:
        raise errors.InvalidRequest("response_type is missing")
    if response_type not in RESPONSE_TYPES:
        raise errors.UnsupportedResponseType("response_type must be code")
    return request


def _scope(provider: Provider, request: R) -> R:  # 7
    asked = parse_scope(request.parameters.get("scope"))
    granted = asked & request.client.scope & frozenset(provider.realm.offer.scopes)
    # Without openid this is plain OAuth (OIDC Core, 3.1.2.1): no ID token, and nothing left means nothing to do.
    if not granted:
        raise errors.InvalidScope("no scope that this app may ask for")
    return replace(request, scope=granted)


def _nonce(_: Provider, request: R) -> R:  # 8
    nonce = request.parameters.get("nonce")
    if nonce is not None and len(nonce.encode()) > MAX_VALUE_BYTES:
        raise errors.InvalidRequest("nonce is longer than 512 bytes")
    return replace(request, nonce=nonce)


def _prompt(_: Provider, request: AuthorizationRequest) -> AuthorizationRequest:  # 9
    prompt = frozenset(request.parameters.get("prompt", "").split(" ")) - {""}
    if not prompt <= frozenset(PROMPT_VALUES):
        raise errors.InvalidRequest("prompt has an unsupported value")
    if "none" in prompt and len(prompt) > 1:
        raise errors.InvalidRequest("prompt none stands alone")
    return replace(request, prompt=prompt)


def _max_age(_: Provider, request: R) -> R:  # 10
    text = request.parameters.get("max_age")
    if text is None:
        return replace(request, max_age=request.client.default_max_age)
    if not (text.isascii() and text.isdigit() and int(text[:12]) <= MAX_AGE_LIMIT and len(text) <= 10):
        raise errors.InvalidRequest("max_age is not a number of seconds")
    return replace(request, max_age=int(text))


def _pkce(_: Provider, request: AuthorizationRequest) -> AuthorizationRequest:  # 11
    challenge = request.parameters.get("code_challenge")
    method = request.parameters.get("code_challenge_method")
    if challenge is None:
        if method is not None:
            raise errors.InvalidRequest("code_challenge_method without code_challenge")
        if request.client.require_pkce:
            raise errors.InvalidRequest("code_challenge is required")
        # Without PKCE only the nonce ties the code to the browser (RFC 9700, section 2.1.1).
        if OPENID in request.scope and request.nonce is None and request.client.public:
            raise errors.InvalidRequest("code_challenge or nonce is required")
        return request
    if method not in CODE_CHALLENGE_METHODS:
        raise errors.InvalidRequest("code_challenge_method must be S256")
    if not is_challenge(challenge):
        raise errors.InvalidRequest("code_challenge is malformed")
    return replace(request, code_challenge=challenge)


def _claims_and_acr(provider: Provider, request: R) -> R:  # 12
    # An app that may not ask for the scope may not ask for its claims one by one either.
    thresholds = request.client.thresholds if AGE in request.client.scope else ()
    claims = parse_claims_request(request.parameters.get("claims"), thresholds, provider.realm.offer.age_claims)
    if AGE not in request.client.scope:
        claims = replace(claims, id_token=frozenset(), userinfo=frozenset())
    acr_values = tuple(request.parameters.get("acr_values", "").split())
    return replace(request, claims=claims, acr_values=acr_values)


def _id_token_hint(provider: Provider, request: AuthorizationRequest) -> AuthorizationRequest:  # 13
    hint = request.parameters.get("id_token_hint")
    if hint is None:
        return request
    return replace(request, hinted_subject=hinted_subject(provider, hint, request.client.id))


def hinted_subject(provider: Provider, hint: str, client_id: str) -> str:
    """The `sub` of an ID token we signed for this client; expired ones are fine (OIDC Core, 3.1.2.1)."""
    try:
        verified = verify_jwt(
            hint, provider.keys.find, algorithms=frozenset({"RS256", "ES256", "EdDSA"}), typ=frozenset({None, "JWT"})
        )
        # A signed UserInfo answer names the same subject and audience, but an ID token alone has an `exp`.
        check_once_valid(verified.claims, now=provider.now(), issuer=provider.issuer, audience=client_id)
    except CryptoError as error:
        raise errors.InvalidRequest("id_token_hint is not an ID token of ours for this app", str(error)) from error
    subject = verified.claims.get("sub")
    if not isinstance(subject, str):
        raise errors.InvalidRequest("id_token_hint has no subject")
    return subject


def _locales(_: Provider, request: R) -> R:  # 14
    return replace(request, ui_locales=tuple(request.parameters.get("ui_locales", "").split()))


def _resource(_: Provider, request: R) -> R:  # 15
    resource = request.parameters.get("resource")
    if resource is not None and resource not in request.client.resources:
        raise errors.InvalidTarget("this app may not ask for this resource")
    return replace(request, resource=resource)


def _pushed(provider: Provider, request: AuthorizationRequest) -> AuthorizationRequest:  # 16
    if (provider.require_par or request.client.require_pushed_authorization_requests) and not request.pushed:
        raise errors.InvalidRequest("this app must push its authorization requests")
    return request


def _dpop_key(_: Provider, request: AuthorizationRequest) -> AuthorizationRequest:  # 17
    named = request.parameters.get("dpop_jkt")
    if named is None:
        return request
    if not _THUMBPRINT.match(named):
        raise errors.InvalidRequest("dpop_jkt is not a SHA-256 thumbprint")
    if request.dpop_jkt is not None and request.dpop_jkt != named:
        raise errors.InvalidRequest("dpop_jkt differs from the DPoP proof of the pushed request")
    return replace(request, dpop_jkt=named)


STEPS: tuple[Step, ...] = (
    _no_request_object,
    _response_type,
    _scope,
    _nonce,
    _prompt,
    _max_age,
    _pkce,
    _claims_and_acr,
    _id_token_hint,
    _locales,
    _resource,
    _pushed,
    _dpop_key,
)
