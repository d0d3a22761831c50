"""Clients: registered with checked metadata, suspended. Review and change stand in files of their own."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from crypto.encoding import b64url_encode
from crypto.errors import CryptoError
from crypto.jwk import ClientKeySet
from idp.domain import device_grant, redirect_uri
from idp.domain.audit_event import AuditEvent, AuditKind, done_by
from idp.domain.client import OPERATOR, Client, ClientState
from idp.domain.client_name import check_client_name, domains_in
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.domain.sector import own_sector, proves_by_jwks_uri, sector_addresses, sector_of
from idp.services.client_ownership import check_ownership, claim_ownership
from idp.services.realm import Realm
from idp.services.threshold_scheme import check_scheme

SECRET_BYTES = 32
CLIENT_ID_BYTES = 16
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
SIGNING_ALGS = ("RS256", "ES256", "EdDSA")
"""What we sign with. Not `Ed25519`: the one key would have to stand in the JWKS under two names."""

CLIENT_SIGNING_ALGS = (*SIGNING_ALGS, "Ed25519")
"""What apps sign with: assertions, proofs, request objects. `Ed25519` is EdDSA's fully-specified name (RFC 9864)."""
ADDRESSES = (
    "sector_identifier_uri", "jwks_uri", "backchannel_logout_uri", "security_event_endpoint",
    "client_uri", "logo_uri", "policy_uri", "tos_uri",
)  # fmt: skip
"""What a client says of its own servers. None of it is fetched when it is registered; a logo never is."""

GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    device_grant.GRANT_TYPE,
)


@dataclass(frozen=True, slots=True)
class Registered:
    """A stored client and its secret, which is shown this once (None where the method needs none)."""

    client: Client
    secret: str | None


def register_client(realm: Realm, draft: Client) -> Registered:
    """Check a client's metadata and store it. `draft.id`, `sector`, secret and version are filled in here.

    An active draft counts as reviewed: the caller answers for its `sector_identifier_uri`, and its sector and name
    are its owner's from now on. Refused: `invalid_redirect_uri`, `invalid_client_metadata` (RFC 7591, 3.2.2).
    """
    now = realm.clock.now()
    client_id = _new_client_id()
    check_metadata(realm, draft)
    reviewed = draft.state is ClientState.ACTIVE
    secret = new_secret() if needs_secret(draft) else None
    client = replace(
        draft,
        id=client_id,
        sector=settled_sector(replace(draft, id=client_id), checked=reviewed),
        created_at=now,
        reviewed_at=now if reviewed else None,
        version=1,
        secret_hash=secret_digest(secret) if secret else None,
    )
    event = AuditEvent(new_id(now), now, AuditKind.CLIENT_REGISTERED, None, client_id, client_id)
    settle_ownership = claim_ownership if reviewed else check_ownership

    def unit(tx: Transaction) -> None:
        settle_ownership(tx, client)
        tx.clients.add(client)
        tx.audit.append(event)

    realm.store.write(unit, client_id.encode())
    return Registered(client, secret)


def settled_sector(client: Client, *, checked: bool) -> str:
    """The sector of a client; one that its `sector_identifier_uri` names counts only when that has been `checked`.

    Until then the client is a sector of its own: nobody gets the pseudonyms of a host by naming it (OIDC Core, 8.1).
    """
    if client.sector_identifier_uri is not None and not checked:
        return own_sector(client.id)
    return sector_of(client.id, sector_addresses(client), client.sector_identifier_uri)


def needs_secret(client: Client) -> bool:
    """Whether the client authenticates with a shared secret (RFC 7591, section 3.2.1)."""
    return client.token_endpoint_auth_method.startswith("client_secret_")


def _new_client_id() -> str:
    """Random bytes in base64url; none begins with a dash, which commands would take for an option."""
    client_id = "-"
    while client_id.startswith("-"):
        client_id = b64url_encode(secrets.token_bytes(CLIENT_ID_BYTES))
    return client_id


def new_secret() -> str:
    """A secret or registration access token: 256 random bits in base64url."""
    return b64url_encode(secrets.token_bytes(SECRET_BYTES))


def secret_digest(secret: str) -> bytes:
    """What is stored of a client secret. It has 256 random bits, so one SHA-256 is enough (RFC 6749, 10.1)."""
    return hashlib.sha256(secret.encode()).digest()


def check_metadata(realm: Realm, client: Client) -> None:
    """Refuse metadata that RFC 7591, OIDC Registration or our privacy rules do not allow."""
    _check_redirect_uris(realm, client)
    _check_name(client)
    _check_addresses(realm, client)
    _check_capabilities(realm, client)
    _check_sector(client)
    _check_fapi(client)
    _check_resources(client)
    _check_thresholds(realm, client.thresholds)


def set_client_state(realm: Realm, client_id: str, state: ClientState, by: bytes | None = None) -> Client:
    """Review (active) or suspend a client; suspension revokes nothing but refuses every use from now on.

    `by` is the member of staff who does it, for the trail.
    """
    now = realm.clock.now()
    kind = AuditKind.CLIENT_SUSPENDED if state is ClientState.SUSPENDED else AuditKind.CLIENT_REVIEWED
    event = AuditEvent(new_id(now), now, kind, None, client_id, client_id, (("state", state.value), *done_by(by)))

    def unit(tx: Transaction) -> Client:
        if not tx.clients.set_state(client_id, state):
            raise Refused("unknown_client", "no such client")
        tx.audit.append(event)
        client = tx.clients.get(client_id)
        if client is None:
            raise Refused("unknown_client", "no such client")
        return client

    return realm.store.write(unit, client_id.encode())


def _check_name(client: Client) -> None:
    check_client_name(client.name)
    # Private schemes are domains the other way round (RFC 8252, section 7.1).
    hosts = {parts.hostname or parts.scheme for parts in map(urlsplit, client.redirect_uris)}
    for domain in domains_in(client.name):
        # A name like another domain would be read as where the person is going.
        if not any(host == domain or host.endswith("." + domain) for host in hosts):
            raise Refused("invalid_client_metadata", "a domain in the name must be the app's own")


def _check_redirect_uris(realm: Realm, client: Client) -> None:
    if "authorization_code" in client.grant_types and not client.redirect_uris:
        raise Refused("invalid_redirect_uri", "at least one redirect URI is needed")
    # RFC 7591 has a code of its own for redirect URIs, and none for those of RP-Initiated Logout (section 3).
    for uris, reason in (
        (client.redirect_uris, "invalid_redirect_uri"),
        (client.post_logout_redirect_uris, "invalid_client_metadata"),
    ):
        if len(uris) > redirect_uri.MAX_COUNT or len(set(uris)) != len(uris):
            raise Refused(reason, "at most ten redirect URIs, each once")
        for uri in uris:
            try:
                redirect_uri.check_redirect_uri(uri, client.application_type, realm.loopback)
            except Refused as error:
                raise Refused(reason, str(error)) from error


def _check_addresses(realm: Realm, client: Client) -> None:
    for name in ADDRESSES:
        uri = getattr(client, name)
        try:
            if uri is not None:
                redirect_uri.check_address(uri, realm.loopback)
        except Refused as error:
            raise Refused("invalid_client_metadata", f"{name}: {error}") from error


def _check_capabilities(realm: Realm, client: Client) -> None:
    def need(condition: bool, text: str) -> None:
        if not condition:
            raise Refused("invalid_client_metadata", text)

    method = client.token_endpoint_auth_method
    need(client.application_type in ("web", "native"), "application_type is web or native")
    need(method in AUTH_METHODS, "token_endpoint_auth_method is not supported")
    need(client.grant_types <= frozenset(realm.offer.grant_types), "a grant type is not supported")
    need(bool(client.grant_types), "at least one grant type is needed")
    need(client.scope <= frozenset(realm.offer.scopes), "a scope is not supported")
    need(client.id_token_signed_response_alg in SIGNING_ALGS, "id_token_signed_response_alg is not supported")
    for alg, known in (
        (client.userinfo_signed_response_alg, SIGNING_ALGS),
        (client.introspection_signed_response_alg, SIGNING_ALGS),
        (client.token_endpoint_auth_signing_alg, CLIENT_SIGNING_ALGS),
    ):
        need(alg is None or alg in known, "a signing algorithm is not supported")
    need(client.default_max_age is None or client.default_max_age >= 0, "default_max_age is not negative")
    need(client.require_pkce or not client.public, "a public client cannot leave PKCE out")
    need(client.jwks is None or client.jwks_uri is None, "jwks and jwks_uri exclude each other")
    if method == "private_key_jwt":
        need(client.jwks is not None or client.jwks_uri is not None, "private_key_jwt needs jwks or jwks_uri")
    if client.jwks is not None:
        try:
            ClientKeySet.parse(client.jwks)
        except CryptoError as error:
            raise Refused("invalid_client_metadata", "jwks is not an acceptable key set") from error


def _check_sector(client: Client) -> None:
    """A client that answers reach by device code shows by its keys whose it is, or the operator says so."""
    by_device = device_grant.GRANT_TYPE in client.grant_types
    if by_device and client.owner != OPERATOR and not proves_by_jwks_uri(client):
        text = "the device grant needs private_key_jwt and a jwks_uri: they name the sector (OIDC Core, 8.1)"
        raise Refused("invalid_client_metadata", text)


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
        if not redirect_uri.split_uri(uri).netloc or "#" in uri:
            raise Refused("invalid_client_metadata", "a resource is an absolute URI without a fragment")


def _check_thresholds(realm: Realm, thresholds: tuple[int, ...]) -> None:
    if not set(thresholds) <= set(realm.thresholds):
        raise Refused("invalid_client_metadata", "a threshold is not on the policy's list")
    check_scheme(thresholds)
