"""Dynamic client registration (RFC 7591; OIDC Registration 1.0) and its management (RFC 7592).

Whoever registers without an initial access token gets a client that signs in testers only, until an operator has
reviewed it; nothing that it names is fetched before that. The registration access token is stored as a digest: the
answers that must repeat it repeat the one the request came with.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from crypto.errors import EncodingError
from crypto.strict_json import parse_json_strict
from idp.domain.client import Client, ClientState
from idp.domain.errors import Refused
from idp.protocol import errors
from idp.protocol.bearer import ResourceRefusal
from idp.protocol.client_authentication import METHODS
from idp.protocol.client_metadata import (
    CREDENTIALS,
    SERVER_FIELDS,
    Offered,
    attributes_of,
    read_metadata,
    show_metadata,
)
from idp.protocol.initial_access import InitialAccess, open_initial_access
from idp.protocol.message import JSON, NO_STORE, Request, Response, json_response
from idp.protocol.provider import Provider
from idp.services import client_changes
from idp.services.client_review import check_sector_document
from idp.services.clients import check_metadata, new_secret, register_client, secret_digest

PATH = "/register"
MAX_DEPTH = 8
"""Nesting of a document: keys in a set in the metadata are three levels deep."""

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_TOKEN_MAX = 512
_REFUSALS: Mapping[str, type[errors.ProtocolError]] = {
    "invalid_redirect_uri": errors.InvalidRedirectUri,
    "suspended": errors.RegistrationForbidden,
    "changed": errors.RegistrationChanged,
}


@dataclass(frozen=True, slots=True)
class RegistrationEndpoint:
    """Answers /register and /register/{client_id}. `open`: no initial access token is needed."""

    provider: Provider
    grant_types: tuple[str, ...]
    open: bool = True

    def register(self, request: Request) -> Response:
        """POST /register: 201 with all registered metadata (RFC 7591, section 3.2.1).

        1 a token that is sent is good   2 one JSON object   3 each member   4 the whole   5 the sector document
        """
        if request.method != "POST":
            raise errors.MethodNotAllowed("POST")
        access = self._initial_access(request)  # 1
        members = _members(request)  # 2
        draft = read_metadata(members, self._offered(access is None or access.require_pkce))  # 3
        token = new_secret()
        draft = replace(draft, registration_token_hash=secret_digest(token))
        try:
            if access is not None:
                draft = replace(draft, state=ClientState.ACTIVE, owner=access.registrar)
                check_metadata(self.provider.realm, draft)  # 4
                check_sector_document(self.provider.fetcher, draft)  # 5
            registered = register_client(self.provider.realm, draft)  # 4
        except Refused as refused:
            raise _refusal(refused) from refused
        return self._answer(registered.client, token, registered.secret, 201)

    def configure(self, request: Request) -> Response:
        """GET, PUT or DELETE /register/{client_id} with the registration access token (RFC 7592, section 2)."""
        answers = {"GET": self._read, "PUT": self._update, "DELETE": self._delete}
        if request.method not in answers:
            raise errors.MethodNotAllowed("GET, PUT, DELETE")
        client_id = request.path.rpartition("/")[2]
        token = _bearer(request)
        if token is None:
            raise ResourceRefusal(None, "Bearer")
        if not _CLIENT_ID.match(client_id):
            raise _unknown()
        return answers[request.method](client_id, token, request)

    def _read(self, client_id: str, token: str, _: Request) -> Response:
        client = self.provider.realm.store.read(lambda tx: client_changes.proven_client(tx, client_id, token))
        if client is None:
            raise _unknown()
        return self._answer(client, token, None, 200)

    def _update(self, client_id: str, token: str, request: Request) -> Response:
        """Section 2.2, after the token has been proven: who may not change the client learns nothing about the body.

        1 one JSON object   2 its own client_id, no server fields   3 each member   4 the whole
        """
        provider = self.provider
        client = provider.realm.store.read(lambda tx: client_changes.proven_client(tx, client_id, token))
        if client is None:
            raise _unknown()
        members = _members(request)  # 1
        secret = _credentials(members, client_id)  # 2
        metadata = attributes_of(read_metadata(members, self._offered(client.require_pkce)))  # 3
        try:
            changed = client_changes.change_client(
                provider.realm, provider.fetcher, client_id, token, metadata, secret
            )  # 4
        except Refused as refused:
            raise _refusal(refused) from refused
        return self._answer(changed.client, token, changed.secret, 200)

    def _delete(self, client_id: str, token: str, _: Request) -> Response:
        try:
            client_changes.delete_client(self.provider.realm, client_id, token)
        except Refused as refused:
            raise _refusal(refused) from refused
        return Response(204)

    def _initial_access(self, request: Request) -> InitialAccess | None:
        token = _bearer(request)
        if token is None:
            if request.authorization is not None or not self.open:
                raise ResourceRefusal(None, "Bearer")
            return None
        try:
            return open_initial_access(self.provider, token)
        except errors.InvalidToken as error:
            raise ResourceRefusal(error, "Bearer") from error

    def _offered(self, require_pkce: bool) -> Offered:
        return Offered(METHODS, self.grant_types, require_pkce)

    def _answer(self, client: Client, token: str, secret: str | None, status: int) -> Response:
        """The client information response (RFC 7591, section 3.2.1; RFC 7592, section 3)."""
        body: dict[str, Any] = {"client_id": client.id, "client_id_issued_at": client.created_at}
        if secret is not None:
            body["client_secret"] = secret
        if client.secret_hash is not None:
            body["client_secret_expires_at"] = client.secret_expires_at
        body["registration_access_token"] = token
        body["registration_client_uri"] = f"{self.provider.issuer}{PATH}/{client.id}"
        return json_response(body | show_metadata(client), status, NO_STORE)


def _members(request: Request) -> dict[str, Any]:
    if request.content_type.partition(";")[0].strip().lower() != JSON:
        raise errors.InvalidClientMetadata("the body must be application/json")
    try:
        members = parse_json_strict(request.body, MAX_DEPTH)
    except EncodingError as error:
        raise errors.InvalidClientMetadata("the body is not a JSON object", str(error)) from error
    if not isinstance(members, dict):
        raise errors.InvalidClientMetadata("the body is not a JSON object")
    return members


def _credentials(members: Mapping[str, Any], client_id: str) -> str | None:
    """The client secret in an update, if there is one; refused without the right client_id or with server fields."""
    id_member, secret_member = CREDENTIALS
    if members.get(id_member) != client_id:
        raise errors.InvalidClientMetadata("client_id is missing or not this client's")
    for name in SERVER_FIELDS:
        if name in members:
            raise errors.InvalidClientMetadata(f"{name} is not a client's to set")
    secret = members.get(secret_member)
    if secret is not None and not isinstance(secret, str):
        raise errors.InvalidClientMetadata("client_secret is not the current one")
    return secret or None


def _bearer(request: Request) -> str | None:
    """The bearer token of the Authorization header, the one place for it (RFC 6750, section 2.1)."""
    scheme, _, token = (request.authorization or "").partition(" ")
    return token.strip()[:_TOKEN_MAX] if scheme.lower() == "bearer" else None


def _refusal(refused: Refused) -> errors.ProtocolError:
    if refused.reason == "unknown_client":
        return _unknown()
    return _REFUSALS.get(refused.reason, errors.InvalidClientMetadata)(str(refused))


def _unknown() -> ResourceRefusal:
    return ResourceRefusal(errors.InvalidToken("no such client, or the token is not its own"), "Bearer")
