"""A client: one app that may ask for age bands (RFC 7591, OIDC Registration)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ClientState(StrEnum):
    """`pending` may sign in testers only, until an operator's review; `suspended` nobody."""

    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"


class Category(StrEnum):
    """What kind of app it is; the policy's curfew and minor mode look at it."""

    GENERAL = "general"
    GAME = "game"
    LIVE = "live"
    SOCIAL = "social"
    EDUCATION = "education"
    STORE = "store"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the app declares about its use of data; shown on the consent page. A new `version` asks consent again.

    `version` is counted here; `agreement_version` is the app's own name for the agreement it offers.
    """

    version: int = 1
    purpose: str = ""
    data_use: str = ""
    retention: str = ""
    audience: str = ""
    contact: str = ""
    agreement_version: str = ""


OPERATOR = "operator"
"""The owner of what the operator registers."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client with checked metadata; names are those of RFC 7591 and OIDC Registration.

    `secret_hash` = SHA-256 of a 256-bit random secret (32 bytes), None for public clients and assertions;
    `sector` after OIDC Core 8.1; `scope` what it may ask; `thresholds` the ages it may test; `version` grows with
    every change; `require_pkce` False only for confidential clients that send a nonce;
    `resources` it may ask tokens for (RFC 8707), `own_resources` it serves itself and may introspect tokens of.
    `owner` answers for it: the operator, a registrar by name, or nobody yet (None) before an open registration is
    reviewed. `reviewed_at` of the last review, None before the first; `thresholds_changed_at` since then. Times in
    epoch seconds.
    """

    id: str
    name: str
    state: ClientState
    created_at: int
    redirect_uris: tuple[str, ...]
    sector: str
    secret_hash: bytes | None = None
    secret_expires_at: int = 0
    version: int = 1
    post_logout_redirect_uris: tuple[str, ...] = ()
    token_endpoint_auth_method: str = "client_secret_basic"
    token_endpoint_auth_signing_alg: str | None = None
    application_type: str = "web"
    sector_identifier_uri: str | None = None
    scope: frozenset[str] = frozenset({"openid", "age"})
    grant_types: frozenset[str] = frozenset({"authorization_code", "refresh_token"})
    id_token_signed_response_alg: str = "RS256"
    userinfo_signed_response_alg: str | None = None
    introspection_signed_response_alg: str | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    default_max_age: int | None = None
    require_auth_time: bool = False
    category: Category = Category.GENERAL
    thresholds: tuple[int, ...] = (18,)
    require_pkce: bool = True
    dpop_bound_access_tokens: bool = False
    require_pushed_authorization_requests: bool = False
    fapi: bool = False
    resources: tuple[str, ...] = ()
    own_resources: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    security_event_endpoint: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    contacts: tuple[str, ...] = ()
    manifest: Manifest = field(default_factory=Manifest)
    registration_token_hash: bytes | None = None
    owner: str | None = OPERATOR
    reviewed_at: int | None = None
    thresholds_changed_at: int | None = None

    @property
    def public(self) -> bool:
        """Whether the client cannot keep a secret (RFC 6749, section 2.1)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def usable(self) -> bool:
        """Whether the client may use any endpoint: pending clients may, for testers."""
        return self.state is not ClientState.SUSPENDED

    @property
    def wants_sid(self) -> bool:
        """Whether ID tokens carry `sid`: only where the app is told of single sessions (Back-Channel Logout, 2.1)."""
        return self.backchannel_logout_session_required or self.security_event_endpoint is not None
