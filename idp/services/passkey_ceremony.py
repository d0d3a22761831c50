"""What every ceremony with a passkey has in common (W3C Web Authentication, level 3, section 7).

A ceremony begins with a challenge that lies nowhere but in a sealed value, bound to the browser's cookie and to what
it is for; the answer brings that value back, and its challenge is spent in the transaction of what it did.
"""

import hashlib
import ipaddress
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import options_to_json
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from crypto.encoding import b64url_decode, b64url_encode, lp, lp_split
from crypto.errors import CryptoError
from crypto.sealing import Sealer
from idp.domain.errors import Refused
from idp.domain.ports import Transaction
from idp.services.realm import Realm

CEREMONY_SECONDS = 600
"""A sign-in page offers its passkeys for as long, before it has to ask for a new challenge."""

_CHALLENGE_BYTES = 32
_AD = b"blindage/passkey/v1"
_NAME = "Blindage"


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What begins at a browser: `options` (JSON, for `navigator.credentials`) and `sealed`, to come back with them."""

    options: dict[str, Any]
    sealed: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A ceremony that was begun here: its challenge, the user handle it makes a passkey for, and its end."""

    challenge: bytes
    user_handle: bytes
    expires_at: int


@dataclass(frozen=True, slots=True)
class Site:
    """Whom passkeys are made for: the sealer of ceremonies, the browser's cookie, and the ceremony's purpose."""

    sealer: Sealer
    browser: bytes
    purpose: str


def relying_party_id(issuer: str) -> str | None:
    """The issuer's host, for which passkeys are made; None where it is an address, for which browsers make none."""
    host = urlsplit(issuer).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return None


def begin_creating(
    realm: Realm, site: Site, handle: bytes, name: str, kept: Iterable[bytes], discoverable: bool
) -> Ceremony:
    """Options for a new passkey; `kept` are credential ids that its device must not have. Refused `no_passkeys`."""
    rp_id = need_relying_party_id(realm)
    challenge, sealed = _begin(realm, site, handle)
    resident = ResidentKeyRequirement.REQUIRED if discoverable else ResidentKeyRequirement.DISCOURAGED
    options = webauthn.generate_registration_options(
        rp_id=rp_id,
        rp_name=_NAME,
        user_id=handle,
        user_name=name,
        challenge=challenge,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in kept],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=resident,
            require_resident_key=discoverable,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
    )
    return Ceremony(json.loads(options_to_json(options)), sealed)


def begin_using(realm: Realm, site: Site, allowed: Iterable[bytes] = ()) -> Ceremony:
    """Options to use one of the `allowed` credentials, or any the person has here. Refused `no_passkeys`."""
    rp_id = need_relying_party_id(realm)
    challenge, sealed = _begin(realm, site, b"")
    options = webauthn.generate_authentication_options(
        rp_id=rp_id,
        challenge=challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in allowed],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return Ceremony(json.loads(options_to_json(options)), sealed)


def begun(realm: Realm, site: Site, sealed: str) -> Begun:
    """The ceremony a value was sealed for. Refused `wrong_passkey`: another browser, another purpose, too late."""
    try:
        content = site.sealer.open(b64url_decode(sealed), lp(_AD, site.purpose, site.browser))
    except CryptoError as error:
        raise Refused("wrong_passkey", "this was not begun in this browser") from error
    challenge, handle, expires_at = lp_split(content, 3)
    found = Begun(challenge, handle, int.from_bytes(expires_at, "big"))
    if realm.clock.now() >= found.expires_at:
        raise Refused("wrong_passkey", "this was begun too long ago")
    return found


def created(realm: Realm, ceremony: Begun, credential: str) -> VerifiedRegistration:
    """What a browser made, checked, with the person verified. Refused `wrong_passkey`."""
    try:
        return webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=ceremony.challenge,
            expected_rp_id=need_relying_party_id(realm),
            expected_origin=_origin(realm.issuer),
            require_user_verification=True,
        )
    except Exception as error:  # What a browser sent is read by several decoders, each with errors of its own.
        raise Refused("wrong_passkey", "the passkey could not be checked") from error


def unverified_answer(credential: str) -> AuthenticationCredential:
    """An answer as it was sent, of which nothing is proven. Refused `wrong_passkey` when it cannot be read."""
    try:
        return webauthn.helpers.parse_authentication_credential_json(credential)
    except Exception as error:  # As above.
        raise Refused("wrong_passkey", "the passkey could not be read") from error


def used(
    realm: Realm, ceremony: Begun, unverified: AuthenticationCredential, public_key: bytes, sign_count: int
) -> VerifiedAuthentication:
    """An answer, checked against a public key, with the person verified. Refused `wrong_passkey`."""
    try:
        return webauthn.verify_authentication_response(
            credential=unverified,
            expected_challenge=ceremony.challenge,
            expected_rp_id=need_relying_party_id(realm),
            expected_origin=_origin(realm.issuer),
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # As above.
        raise Refused("wrong_passkey", "the passkey could not be checked") from error


def spend(tx: Transaction, ceremony: Begun) -> None:
    """Use up a ceremony's challenge; Refused `wrong_passkey` when it was answered before."""
    if not tx.spent.claim("passkey", ceremony.challenge, ceremony.expires_at):
        raise Refused("wrong_passkey", "this challenge was answered before")


def need_relying_party_id(realm: Realm) -> str:
    """As `relying_party_id`; Refused `no_passkeys` where there is none."""
    rp_id = relying_party_id(realm.issuer)
    if rp_id is None:
        raise Refused("no_passkeys", "browsers make no passkeys for an issuer that is an address")
    return rp_id


def passkey_id(credential_id: bytes) -> bytes:
    """The stored name of a credential: SHA-256 of its id."""
    return hashlib.sha256(credential_id).digest()


def _begin(realm: Realm, site: Site, handle: bytes) -> tuple[bytes, str]:
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    expires_at = realm.clock.now() + CEREMONY_SECONDS
    content = lp(challenge, handle, expires_at.to_bytes(8, "big"))
    return challenge, b64url_encode(site.sealer.seal(content, lp(_AD, site.purpose, site.browser)))


def _origin(issuer: str) -> str:
    """The issuer's origin as browsers write it (RFC 6454, section 6.2)."""
    parts = urlsplit(issuer)
    default = {"https": ":443", "http": ":80"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(default)}"
