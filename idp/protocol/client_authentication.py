"""Client authentication at machine endpoints: exactly the registered method, one per request (RFC 6749, 2.3).

Order is security:
 1 at most one method in the request   3 its registered method is the one used
 2 the client exists and is usable     4 the credential is right, compared in constant time
Steps 2 to 4 fail alike: the same answer, after the same work.
"""

import hmac
from base64 import b64decode
from collections.abc import Mapping
from urllib.parse import unquote_plus

from idp.domain.client import Client
from idp.domain.value import value
from idp.protocol import client_assertion
from idp.protocol.errors import InvalidClient, InvalidRequest
from idp.protocol.message import Request
from idp.protocol.provider import Provider
from idp.services.clients import secret_digest

METHODS = ("client_secret_basic", "client_secret_post", client_assertion.METHOD, "none")
_NOBODY = secret_digest("no client has this secret")
_NO_CLIENT = "nobody"
_SECRET_MAX = 512


@value
class UnverifiedCredential:
    """What the request claims: not believed before `authenticate_client` has returned a Client."""

    method: str
    client_id: str
    secret: str | None


class BasicRefused(InvalidClient):
    """As InvalidClient, and the Authorization header was used: the answer names the scheme (RFC 6749, 5.2)."""

    def get_headers(self) -> list[tuple[str, str]]:
        """Authlib's headers and the challenge."""
        return [*super().get_headers(), ("WWW-Authenticate", 'Basic realm="token", charset="UTF-8"')]


def authenticate_client(provider: Provider, request: Request, form: Mapping[str, str]) -> Client:
    """The client that made a request to /token, /revoke, /introspect and the like.

    InvalidRequest for two methods at once; InvalidClient (401) for everything else that is wrong.
    """
    if "client_assertion" in form or "client_assertion_type" in form:
        return _by_assertion(provider, request, form)
    credential = _credential(request, form)  # 1
    refused = BasicRefused if credential.method == "client_secret_basic" else InvalidClient
    client = _usable_client(provider, credential.client_id)  # 2
    method_is_right = client is not None and client.token_endpoint_auth_method == credential.method  # 3
    expected = (client.secret_hash if client is not None and method_is_right else None) or _NOBODY
    proven = hmac.compare_digest(secret_digest(credential.secret or ""), expected)  # 4
    if client is not None and method_is_right and (client.public or (proven and not _expired(client, provider.now()))):
        return client
    if client is not None:
        # A known client came from a cache, an unknown one was looked for in the database: now both were.
        provider.realm.store.read(lambda tx: tx.clients.get(_NO_CLIENT))
    raise refused("client authentication failed")


def _by_assertion(provider: Provider, request: Request, form: Mapping[str, str]) -> Client:
    """The same four steps for `private_key_jwt`; the assertion itself is checked in `client_assertion`."""
    if request.authorization is not None or "client_secret" in form:  # 1
        raise InvalidRequest("more than one client authentication method")
    client = _usable_client(provider, client_assertion.unverified_client_id(form))  # 2
    if (
        client is None
        or client.token_endpoint_auth_method != client_assertion.METHOD  # 3
        or not client_assertion.assertion_holds(provider, client, form["client_assertion"])  # 4
    ):
        raise InvalidClient("client authentication failed")
    return client


def _credential(request: Request, form: Mapping[str, str]) -> UnverifiedCredential:
    client_id, secret = form.get("client_id"), form.get("client_secret")
    if request.authorization is not None:
        basic = _basic(request.authorization)
        if secret is not None:
            raise InvalidRequest("more than one client authentication method")
        if client_id is not None and client_id != basic.client_id:
            raise InvalidRequest("client_id differs from the authenticated client")
        return basic
    if client_id is None:
        raise InvalidClient("client authentication is missing")
    if secret is not None:
        return UnverifiedCredential("client_secret_post", client_id, secret[:_SECRET_MAX])
    return UnverifiedCredential("none", client_id, None)


def _basic(header: str) -> UnverifiedCredential:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > 4 * _SECRET_MAX:
        raise BasicRefused("client authentication failed", "not a Basic header")
    try:
        text = b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, colon, secret = text.partition(":")
        # Both halves are form-encoded before they are joined (RFC 6749, section 2.3.1).
        if "%" in text or "+" in text:
            client_id, secret = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError as error:
        raise BasicRefused("client authentication failed", "garbage in the Basic header") from error
    if not colon or not client_id or "\x00" in client_id:
        raise BasicRefused("client authentication failed", "Basic header without a client")
    return UnverifiedCredential("client_secret_basic", client_id, secret)


def _usable_client(provider: Provider, client_id: str) -> Client | None:
    if len(client_id) > _SECRET_MAX:
        return None
    client = provider.realm.store.client(client_id)
    return client if client is not None and client.usable else None


def _expired(client: Client, now: int) -> bool:
    return client.secret_expires_at != 0 and now >= client.secret_expires_at
