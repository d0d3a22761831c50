"""Client metadata (RFC 7591, section 2; OIDC Registration, section 2): every member accounted for, once.

A member is registered (read, checked, kept and returned), a constant (one value is right), refused (to pass it over
would break a promise of encryption, binding or signing), or ignored on purpose. Unknown members are ignored (RFC 7591,
section 2), and so are those with a language tag (`client_name#zh`): a second name would be a second thing to check.
What needs more than its own member to be judged is `services.clients.check_metadata`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from crypto.errors import CryptoError
from crypto.jwk import ClientKeySet
from idp.domain.client import Category, Client, ClientState, Manifest
from idp.domain.client_name import is_invisible
from idp.domain.scope import AGE, OFFLINE_ACCESS, OPENID, format_scope, parse_scope
from idp.protocol.errors import InvalidClientMetadata, InvalidRedirectUri, UnapprovedSoftwareStatement

MAX_TEXT = 2000
MAX_ITEMS = 10
MAX_DECLARATION = 1000
MAX_CONTACT = 254
SCOPES = frozenset({OPENID, AGE, OFFLINE_ACCESS})
"""What a client may ask to be registered with; `age_tokens` is for wallets, which the operator sets up."""

Reader = Callable[[str, Any], Any]
Members = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Member:
    """A member that is registered: where `Client` keeps it, how it is read from JSON and written back.

    `read(name, value)` raises InvalidClientMetadata; it never sees null, "" or [], which mean the same as nothing
    (RFC 7592, section 2.2).
    """

    attribute: str
    read: Reader
    write: Callable[[Any], Any] = lambda value: value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or any(is_invisible(character) for character in value):
        raise InvalidClientMetadata(f"{name} is not a plain text of at most {MAX_TEXT} characters")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise InvalidClientMetadata(f"{name} is not an array of at most {MAX_ITEMS} texts")
    return tuple(_text(name, item) for item in value)


def _redirect_uris(name: str, value: Any) -> tuple[str, ...]:
    try:
        return _texts(name, value)
    except InvalidClientMetadata as error:
        raise InvalidRedirectUri(error.text) from error


def _contacts(name: str, value: Any) -> tuple[str, ...]:
    contacts = _texts(name, value)
    if any(len(contact) > MAX_CONTACT for contact in contacts):
        raise InvalidClientMetadata(f"{name} has an entry longer than {MAX_CONTACT} characters")
    return contacts


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidClientMetadata(f"{name} is true or false")
    return value


def _seconds(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 10**9:
        raise InvalidClientMetadata(f"{name} is a number of seconds")
    return value


def _scope(name: str, value: Any) -> frozenset[str]:
    # Many libraries ask for profile and email by default: what does not exist here is dropped, and the answer says so.
    scope = parse_scope(_text(name, value)) & SCOPES
    if not scope:
        raise InvalidClientMetadata("scope has nothing that exists here")
    return scope


def _jwks(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidClientMetadata(f"{name} is not a key set")
    try:
        # Kept is what is understood: the same keys and nothing beside them.
        return ClientKeySet.parse(value).to_document()
    except CryptoError as error:
        raise InvalidClientMetadata(f"{name} is not an acceptable key set", str(error)) from error


def _category(name: str, value: Any) -> Category:
    try:
        return Category(_text(name, value))
    except ValueError as error:
        raise InvalidClientMetadata(f"{name} is none of the categories") from error


def _thresholds(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS or any(type(age) is not int for age in value):
        raise InvalidClientMetadata(f"{name} is not an array of ages")
    return tuple(sorted(set(value)))


DECLARED = ("purpose", "data_use", "retention", "audience", "contact", "agreement_version")
"""Members of `blindage_manifest`; its `version` is counted here, and ignored when it is sent."""


def _manifest(name: str, value: Any) -> Manifest:
    if not isinstance(value, dict):
        raise InvalidClientMetadata(f"{name} is not an object")
    declared: dict[str, Any] = {
        part: _text(f"{name}.{part}", value[part]) for part in DECLARED if value.get(part) is not None
    }
    if any(len(text) > MAX_DECLARATION for text in declared.values()):
        raise InvalidClientMetadata(f"{name} has a text longer than {MAX_DECLARATION} characters")
    return Manifest(**declared)


def _manifest_object(manifest: Manifest) -> dict[str, Any]:
    declared = {part: getattr(manifest, part) for part in DECLARED}
    return {"version": manifest.version, **{part: text for part, text in declared.items() if text}}


REGISTERED: dict[str, Member] = {
    # RFC 7591, section 2
    "redirect_uris": Member("redirect_uris", _redirect_uris, list),
    "token_endpoint_auth_method": Member("token_endpoint_auth_method", _text),
    "grant_types": Member("grant_types", lambda name, value: frozenset(_texts(name, value)), sorted),
    "client_name": Member("name", _text),
    "client_uri": Member("client_uri", _text),
    "logo_uri": Member("logo_uri", _text),
    "scope": Member("scope", _scope, format_scope),
    "contacts": Member("contacts", _contacts, list),
    "tos_uri": Member("tos_uri", _text),
    "policy_uri": Member("policy_uri", _text),
    "jwks_uri": Member("jwks_uri", _text),
    "jwks": Member("jwks", _jwks),
    # OIDC Registration, section 2
    "application_type": Member("application_type", _text),
    "sector_identifier_uri": Member("sector_identifier_uri", _text),
    "id_token_signed_response_alg": Member("id_token_signed_response_alg", _text),
    "userinfo_signed_response_alg": Member("userinfo_signed_response_alg", _text),
    "token_endpoint_auth_signing_alg": Member("token_endpoint_auth_signing_alg", _text),
    "default_max_age": Member("default_max_age", _seconds),
    "require_auth_time": Member("require_auth_time", _flag),
    # RP-Initiated Logout, section 3.1; Back-Channel Logout, section 2.2
    "post_logout_redirect_uris": Member("post_logout_redirect_uris", _texts, list),
    "backchannel_logout_uri": Member("backchannel_logout_uri", _text),
    "backchannel_logout_session_required": Member("backchannel_logout_session_required", _flag),
    # RFC 9126, section 6; RFC 9449, section 5.2; RFC 9701, section 6
    "require_pushed_authorization_requests": Member("require_pushed_authorization_requests", _flag),
    "dpop_bound_access_tokens": Member("dpop_bound_access_tokens", _flag),
    "introspection_signed_response_alg": Member("introspection_signed_response_alg", _text),
    # Our own
    "blindage_category": Member("category", _category, str),
    "blindage_thresholds": Member("thresholds", _thresholds, list),
    "blindage_manifest": Member("manifest", _manifest, _manifest_object),
    "blindage_require_pkce": Member("require_pkce", _flag),
    "blindage_security_event_endpoint": Member("security_event_endpoint", _text),
    "blindage_fapi": Member("fapi", _flag),
}

CONSTANT = {"response_types": ["code"], "subject_type": "pairwise"}
"""Registered with one value each; without the code grant there is no response type either."""

REFUSED = {
    **dict.fromkeys(
        (
            "id_token_encrypted_response_alg", "id_token_encrypted_response_enc",
            "userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc",
            "request_object_encryption_alg", "request_object_encryption_enc",
            "introspection_encrypted_response_alg", "introspection_encrypted_response_enc",
            "authorization_encrypted_response_alg", "authorization_encrypted_response_enc",
        ),
        "encryption is not offered",
    ),
    "authorization_signed_response_alg": "signed authorization responses (JARM) are not offered",
    "tls_client_certificate_bound_access_tokens": "tokens are bound by DPoP, not by certificates",
    "require_signed_request_object": "signed request objects cannot be demanded",
    "use_mtls_endpoint_aliases": "mutual TLS is not offered",
    "software_statement": "no issuer of software statements is approved here",
}  # fmt: skip
"""To pass these over would leave an app believing in a protection it does not have; `false` asks for nothing."""

IGNORED = {
    "software_id": "says nothing that anybody could check",
    "software_version": "says nothing that anybody could check",
    "default_acr_values": "an app asks for a level with acr_values",
    "initiate_login_uri": "nothing here starts a sign-in at an app",
    "request_uris": "request_uri takes pushed requests only",
    "request_object_signing_alg": "what a request object is signed with is checked against the registered keys",
    "frontchannel_logout_uri": "pages of other hosts are never loaded into ours",
    "frontchannel_logout_session_required": "pages of other hosts are never loaded into ours",
    "authorization_details_types": "there is nothing to detail",
    "tls_client_auth_subject_dn": "belongs to an authentication method that is refused",
    "tls_client_auth_san_dns": "belongs to an authentication method that is refused",
    "tls_client_auth_san_uri": "belongs to an authentication method that is refused",
    "tls_client_auth_san_ip": "belongs to an authentication method that is refused",
    "tls_client_auth_san_email": "belongs to an authentication method that is refused",
    "signed_jwks_uri": "keys come by jwks or jwks_uri",
    "blindage_state": "is ours to say",
    **dict.fromkeys(
        (
            "backchannel_token_delivery_mode", "backchannel_client_notification_endpoint",
            "backchannel_authentication_request_signing_alg", "backchannel_user_code_parameter",
        ),
        "back-channel authentication (CIBA) is not offered",
    ),
    **dict.fromkeys(
        (
            "client_registration_types", "organization_name", "organization_uri", "display_name", "description",
            "keywords", "information_uri",
        ),
        "OpenID Federation is not offered",
    ),
    **dict.fromkeys(
        (
            "claims_redirect_uris", "vp_formats_supported", "nfv_token_signed_response_alg",
            "nfv_token_encrypted_response_alg", "nfv_token_encrypted_response_enc",
        ),
        "belongs to a protocol that is not offered",
    ),
}  # fmt: skip

CREDENTIALS = ("client_id", "client_secret")
"""An update must carry the first and may carry the second, unchanged; in a first registration they say nothing."""

SERVER_FIELDS = (
    "registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at",
)  # fmt: skip
"""An update must not carry these (RFC 7592, section 2.2); in a first registration they say nothing."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What this provider does, for members whose values it decides; `require_pkce` where a client says nothing."""

    auth_methods: tuple[str, ...]
    grant_types: tuple[str, ...]
    require_pkce: bool = True


def read_metadata(members: Members, offered: Offered) -> Client:
    """A draft for `register_client` or `change_client`, defaults filled in (RFC 7591, section 2).

    InvalidRedirectUri, InvalidClientMetadata or UnapprovedSoftwareStatement for the first member that is refused.
    """
    given = {name: value for name, value in members.items() if value is not None and value != "" and value != []}
    for name, reason in REFUSED.items():
        if given.get(name, False) is not False:
            error = UnapprovedSoftwareStatement if name == "software_statement" else InvalidClientMetadata
            raise error(f"{name}: {reason}")
    read = {member.attribute: member.read(name, given[name]) for name, member in REGISTERED.items() if name in given}
    draft = _with_defaults(read, offered)
    if not draft.grant_types <= frozenset(offered.grant_types):
        raise InvalidClientMetadata("a grant type is not supported")
    if draft.grant_types == {"refresh_token"}:
        raise InvalidClientMetadata("a refresh token comes from another grant")
    if draft.token_endpoint_auth_method not in offered.auth_methods:
        raise InvalidClientMetadata("token_endpoint_auth_method is not supported")
    if given.get("subject_type", CONSTANT["subject_type"]) != CONSTANT["subject_type"]:
        raise InvalidClientMetadata("subject_type is pairwise")
    if given.get("response_types", _response_types(draft)) != _response_types(draft):
        raise InvalidClientMetadata("response_types is code with the authorization_code grant, else empty")
    return draft


def attributes_of(draft: Client) -> dict[str, Any]:
    """The attributes of `Client` that metadata decide, and only those."""
    return {member.attribute: getattr(draft, member.attribute) for member in REGISTERED.values()}


def show_metadata(client: Client) -> dict[str, Any]:
    """All registered metadata as JSON, defaults included, secrets not (RFC 7591, section 3.2.1)."""
    shown: dict[str, Any] = {}
    for name, member in REGISTERED.items():
        value = getattr(client, member.attribute)
        if value is not None and value != ():
            shown[name] = member.write(value)
    shown["response_types"] = _response_types(client)
    shown["subject_type"] = CONSTANT["subject_type"]
    shown["blindage_state"] = client.state.value
    return shown


def _with_defaults(read: dict[str, Any], offered: Offered) -> Client:
    grant_types = read.setdefault("grant_types", frozenset({"authorization_code"}))
    scope = {OPENID, AGE} | ({OFFLINE_ACCESS} if "refresh_token" in grant_types else set())
    read.setdefault("scope", frozenset(scope))
    uris = read.setdefault("redirect_uris", ())
    read.setdefault("name", _place_of(uris))
    draft = Client(id="", state=ClientState.PENDING, created_at=0, sector="", owner=None, **read)
    if "require_pkce" not in read:
        draft = replace(draft, require_pkce=offered.require_pkce or draft.public)
    return draft


def _place_of(uris: tuple[str, ...]) -> str:
    """What to call an app that gives no name: where it lives."""
    try:
        parts = urlsplit(uris[0]) if uris else None
        return (parts.hostname or parts.scheme) if parts is not None else ""
    except ValueError:
        # A malformed redirect URI: it is refused by its own check.
        return ""


def _response_types(client: Client) -> list[str]:
    return ["code"] if "authorization_code" in client.grant_types else []
