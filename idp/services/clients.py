"""Clients: registered with checked metadata, reviewed, suspended."""

import hashlib
import secrets
from dataclasses import dataclass, replace

from crypto.encoding import b64url_encode
from crypto.errors import CryptoError
from crypto.jwk import ClientKeySet
from idp.domain import redirect_uri
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.client import Client, ClientState
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.domain.scope import SCOPES
from idp.domain.sector import sector_of
from idp.services.realm import Realm

SECRET_BYTES = 32
CLIENT_ID_BYTES = 16
NAME_MAX = 100
MAX_THRESHOLDS = 3
MIN_THRESHOLD_DISTANCE = 2
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
SIGNING_ALGS = ("RS256", "ES256", "EdDSA")
GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
)


@dataclass(frozen=True, slots=True)
class Registered:
    """A stored client and its secret, which is shown this once (None where the method needs none)."""

    client: Client
    secret: str | None


def register_client(realm: Realm, draft: Client) -> Registered:
    """Check a client's metadata and store it. `draft.id`, `sector`, secret and version are filled in here.

    Refused: `invalid_redirect_uri`, `invalid_client_metadata` (RFC 7591, section 3.2.2).
    """
    now = realm.clock.now()
    client_id = b64url_encode(secrets.token_bytes(CLIENT_ID_BYTES))
    check_metadata(realm, draft)
    sector = sector_of(client_id, draft.redirect_uris, draft.sector_identifier_uri)
    secret = None
    if draft.token_endpoint_auth_method.startswith("client_secret_"):
        secret = b64url_encode(secrets.token_bytes(SECRET_BYTES))
    client = replace(
        draft,
        id=client_id,
        sector=sector,
        created_at=now,
        version=1,
        secret_hash=secret_digest(secret) if secret else None,
    )
    event = AuditEvent(new_id(now), now, AuditKind.CLIENT_REGISTERED, None, client_id, client_id)

    def unit(tx: Transaction) -> None:
        tx.clients.add(client)
        tx.audit.append(event)

    realm.store.write(unit, client_id.encode())
    return Registered(client, secret)


def secret_digest(secret: str) -> bytes:
    """What is stored of a client secret. It has 256 random bits, so one SHA-256 is enough (RFC 6749, 10.1)."""
    return hashlib.sha256(secret.encode()).digest()


def check_metadata(realm: Realm, client: Client) -> None:
    """Refuse metadata that RFC 7591, OIDC Registration or our privacy rules do not allow."""
    _check_name(client.name)
    _check_uris(realm, client)
    _check_capabilities(client)
    _check_fapi(client)
    _check_resources(client)
    _check_thresholds(realm, client.thresholds)


def set_client_state(realm: Realm, client_id: str, state: ClientState) -> Client:
    """Review (active) or suspend a client; suspension revokes nothing but refuses every use from now on."""
    now = realm.clock.now()
    kind = AuditKind.CLIENT_SUSPENDED if state is ClientState.SUSPENDED else AuditKind.CLIENT_REVIEWED
    event = AuditEvent(new_id(now), now, kind, None, client_id, client_id, (("state", state.value),))

    def unit(tx: Transaction) -> Client:
        if not tx.clients.set_state(client_id, state):
            raise Refused("unknown_client", "no such client")
        tx.audit.append(event)
        client = tx.clients.get(client_id)
        if client is None:
            raise Refused("unknown_client", "no such client")
        return client

    return realm.store.write(unit, client_id.encode())


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable() or name != name.strip():
        raise Refused("invalid_client_metadata", "client_name has 1 to 100 printable characters")


def _check_uris(realm: Realm, client: Client) -> None:
    needs_redirect = "authorization_code" in client.grant_types
    if needs_redirect and not client.redirect_uris:
        raise Refused("invalid_redirect_uri", "at least one redirect URI is needed")
    for uris in (client.redirect_uris, client.post_logout_redirect_uris):
        if len(uris) > redirect_uri.MAX_COUNT or len(set(uris)) != len(uris):
            raise Refused("invalid_redirect_uri", "at most ten redirect URIs, each once")
        for uri in uris:
            try:
                redirect_uri.check_redirect_uri(uri, client.application_type, realm.loopback)
            except Refused as error:
                raise Refused("invalid_redirect_uri", str(error)) from error
    if client.sector_identifier_uri is not None:
        parts = redirect_uri.split_uri(client.sector_identifier_uri)
        if parts.scheme != "https" or not parts.hostname or parts.fragment:
            raise Refused("invalid_client_metadata", "sector_identifier_uri must be an https address")


def _check_capabilities(client: Client) -> None:
    def need(condition: bool, text: str) -> None:
        if not condition:
            raise Refused("invalid_client_metadata", text)

    method = client.token_endpoint_auth_method
    need(client.application_type in ("web", "native"), "application_type is web or native")
    need(method in AUTH_METHODS, "token_endpoint_auth_method is not supported")
    need(client.grant_types <= frozenset(GRANT_TYPES), "a grant type is not supported")
    need(bool(client.grant_types), "at least one grant type is needed")
    need(client.scope <= frozenset(SCOPES), "a scope is not supported")
    need(client.id_token_signed_response_alg in SIGNING_ALGS, "id_token_signed_response_alg is not supported")
    for alg in (
        client.userinfo_signed_response_alg,
        client.introspection_signed_response_alg,
        client.token_endpoint_auth_signing_alg,
    ):
        need(alg is None or alg in SIGNING_ALGS, "a signing algorithm is not supported")
    need(client.default_max_age is None or client.default_max_age >= 0, "default_max_age is not negative")
    need(client.require_pkce or not client.public, "a public client cannot leave PKCE out")
    if method == "private_key_jwt":
        need((client.jwks is None) != (client.jwks_uri is None), "private_key_jwt needs jwks or jwks_uri")
    if client.jwks is not None:
        try:
            ClientKeySet.parse(client.jwks)
        except CryptoError as error:
            raise Refused("invalid_client_metadata", "jwks is not an acceptable key set") from error


def _check_fapi(client: Client) -> None:
    """The FAPI 2.0 Security Profile (final, sections 5.3.2 and 5.3.3) as far as registration decides it."""
    if not client.fapi:
        return
    met = (
        client.require_pushed_authorization_requests
        and client.require_pkce
        and client.token_endpoint_auth_method == "private_key_jwt"
        and client.dpop_bound_access_tokens
        and client.id_token_signed_response_alg != "RS256"
    )
    if not met:
        text = "FAPI 2.0 needs PAR, PKCE, private_key_jwt, DPoP and ES256 or EdDSA"
        raise Refused("invalid_client_metadata", text)


def _check_resources(client: Client) -> None:
    for uri in (*client.resources, *client.own_resources):
        parts = redirect_uri.split_uri(uri)
        if not parts.netloc or parts.fragment or "#" in uri:
            raise Refused("invalid_client_metadata", "a resource is an absolute URI without a fragment")


def _check_thresholds(realm: Realm, thresholds: tuple[int, ...]) -> None:
    ordered = tuple(sorted(set(thresholds)))
    if not 1 <= len(ordered) <= MAX_THRESHOLDS or not set(ordered) <= set(realm.policy.thresholds):
        raise Refused("invalid_client_metadata", "one to three thresholds of the policy's list")
    # Close thresholds would let an app search for the birth date (threats C06).
    if any(b - a < MIN_THRESHOLD_DISTANCE for a, b in zip(ordered, ordered[1:], strict=False)):
        raise Refused("invalid_client_metadata", "thresholds lie at least two years apart")
