"""The pushed authorization request endpoint (RFC 9126, section 2)."""

from idp.protocol.authorization import checks
from idp.protocol.authorization.pushed import LIFETIME_SECONDS, seal_pushed
from idp.protocol.authorization.request import UnverifiedRequest
from idp.protocol.client_authentication import authenticate_client
from idp.protocol.dpop import proven_key
from idp.protocol.errors import InvalidRequest
from idp.protocol.message import Request, Response, json_response
from idp.protocol.provider import Provider
from idp.protocol.token import machine_form

_CREDENTIALS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


def answer_pushed_request(provider: Provider, request: Request) -> Response:
    """Answer POST /par: 201 with `request_uri` and `expires_in`; every check of `/authorize` is made now.

    1 form, each parameter once   2 the client is who it says   3 no request_uri   4 the request is valid
    """
    form = machine_form(request)  # 1
    client = authenticate_client(provider, request, form)  # 2
    if "request_uri" in form:  # 3
        raise InvalidRequest("request_uri cannot be pushed")
    jkt = proven_key(provider, request)
    pairs = tuple((name, value) for name, value in form.items() if name not in _CREDENTIALS)
    if "client_id" not in form:
        pairs += (("client_id", client.id),)
    unverified = UnverifiedRequest(pairs, pushed=True, dpop_jkt=jkt)
    checks.check(provider, unverified, checks.locate(provider, unverified))  # 4
    body = {"request_uri": seal_pushed(provider, client.id, pairs, jkt), "expires_in": LIFETIME_SECONDS}
    return json_response(body, 201)
