"""The token endpoint (RFC 6749, section 3.2): parse, authenticate, dispatch."""

from idp.protocol import errors
from idp.protocol.app_use import note_tokens
from idp.protocol.client_authentication import authenticate_client
from idp.protocol.message import FORM, Request, Response
from idp.protocol.parameters import parse_once
from idp.protocol.provider import Provider
from idp.protocol.server import TokenRequest, TokenServer


def answer_token_request(provider: Provider, server: TokenServer, request: Request) -> Response:
    """Answer POST /token. ProtocolError for the edge to map; grants answer their own refusals.

    1 POST, form body, no parameters in the address   3 the client is who it says
    2 each parameter once                             4 it may use this grant; the grant decides
    """
    form = machine_form(request)  # 1, 2
    client = authenticate_client(provider, request, form)  # 3
    grant_type = form.get("grant_type")
    if grant_type is None:
        raise errors.InvalidRequest("grant_type is missing")
    if grant_type not in server.grant_types:
        raise errors.UnsupportedGrantType("grant_type is not supported")
    if grant_type not in client.grant_types:  # 4
        raise errors.UnauthorizedClient("this client may not use this grant type")
    response: Response = server.create_token_response(TokenRequest(request, form, client))
    note_tokens(provider, client.id, grant_type, response)
    # Codes and refresh tokens cannot be guessed, and anybody can feed an app wrong ones through its redirect URI.
    if client.public:
        return response
    return Response(response.status, response.body, response.content_type, response.headers, client.id)


def machine_form(request: Request) -> dict[str, str]:
    """The form of a machine endpoint: POST only, nothing in the URL (RFC 6749, 2.3.1), every parameter once."""
    if request.method != "POST":
        raise errors.MethodNotAllowed("POST")
    if request.query:
        raise errors.InvalidRequest("parameters belong in the body")
    if request.content_type.partition(";")[0].strip().lower() != FORM:
        raise errors.InvalidRequest("the body must be application/x-www-form-urlencoded")
    return parse_once(request.body)
