"""Passkeys: added to an account, used to sign in, taken off again (W3C Web Authentication, level 3, section 7).

A ceremony begins with a challenge that lies nowhere but in a sealed value, bound to the browser's cookie; the answer
brings that value back, and its challenge is spent in the transaction of what it did.
"""

import hashlib
import ipaddress
import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import options_to_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from crypto.encoding import b64url_decode, b64url_encode, lp, lp_split
from crypto.errors import CryptoError
from crypto.sealing import Sealer
from idp.domain.account import Account
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Conflict, Refused
from idp.domain.identifiers import new_id
from idp.domain.passkey import PASSKEYS_PER_ACCOUNT, USER_HANDLE_BYTES, Passkey
from idp.domain.ports import Transaction
from idp.domain.session import Session
from idp.services.my_account import confirm_password
from idp.services.realm import Realm
from idp.services.sign_in import SignedIn, end_replaced, open_session

CEREMONY_SECONDS = 600
"""A sign-in page offers its passkeys for as long, before it has to ask for a new challenge."""

METHODS = ("pop", "user")
"""`amr` after RFC 8176: proof of possession of a key, the person there. That hardware holds it is not proven."""

_CHALLENGE_BYTES = 32
_ADD, _SIGN_IN = "add", "sign-in"
_AD = b"blindage/passkey/v1"
_NAME = "Blindage"


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What begins at a browser: `options` (JSON, for `navigator.credentials`) and `sealed`, to come back with them."""

    options: dict[str, Any]
    sealed: str


@dataclass(frozen=True, slots=True)
class _Begun:
    challenge: bytes
    user_handle: bytes
    expires_at: int


def relying_party_id(issuer: str) -> str | None:
    """The issuer's host, for which passkeys are made; None where it is an address, for which browsers make none."""
    host = urlsplit(issuer).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return None


def begin_adding(realm: Realm, sealer: Sealer, browser: bytes, session: Session) -> Ceremony:
    """Options for a new passkey of the signed-in person; Refused `no_passkeys`, `unknown_account`."""
    rp_id = _need_relying_party_id(realm)
    account, kept = realm.store.read(
        lambda tx: (tx.accounts.get(session.account_id), tx.passkeys.of_account(session.account_id))
    )
    if account is None or not account.usable:
        raise Refused("unknown_account", "the account cannot be used")
    handle = kept[0].user_handle if kept else secrets.token_bytes(USER_HANDLE_BYTES)
    challenge, sealed = _begin(realm, sealer, browser, _ADD, handle)
    options = webauthn.generate_registration_options(
        rp_id=rp_id,
        rp_name=_NAME,
        user_id=handle,
        user_name=account.username,
        challenge=challenge,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in kept],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
    )
    return Ceremony(json.loads(options_to_json(options)), sealed)


def add_passkey(
    realm: Realm, sealer: Sealer, browser: bytes, session: Session, password: str, sealed: str, credential: str
) -> None:
    """Keep the passkey a browser has made. The password is asked for: a borrowed session must not stay for good.

    Refused: `wrong_passkey`, `too_many_passkeys`, and as `confirm_password`. Busy as that.
    """
    now, rp_id = realm.clock.now(), _need_relying_party_id(realm)
    begun = _begun(realm, sealer, browser, _ADD, sealed)
    account = confirm_password(realm, session, password)
    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=begun.challenge,
            expected_rp_id=rp_id,
            expected_origin=_origin(realm.issuer),
            require_user_verification=True,
        )
    except Exception as error:  # What a browser sent is read by several decoders, each with errors of its own.
        raise Refused("wrong_passkey", "the passkey could not be checked") from error
    passkey = Passkey(
        id=_passkey_id(made.credential_id),
        account_id=account.id,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        user_handle=begun.user_handle,
        sign_count=made.sign_count,
        created_at=now,
    )
    event = AuditEvent(new_id(now), now, AuditKind.PASSKEY_ADDED, account.id, None, passkey.id.hex())

    def unit(tx: Transaction) -> None:
        kept = tx.accounts.get(account.id)
        if kept is None or not kept.usable or kept.password_hash != account.password_hash:
            raise Refused("wrong_credentials", "the password is wrong")
        _spend(tx, begun)
        if len(tx.passkeys.of_account(account.id)) >= PASSKEYS_PER_ACCOUNT:
            raise Refused("too_many_passkeys", f"an account has at most {PASSKEYS_PER_ACCOUNT} passkeys")
        tx.passkeys.add(passkey)
        tx.audit.append(event)

    try:
        realm.store.write(unit, account.id)
    except Conflict as error:
        raise Refused("wrong_passkey", "the passkey exists") from error


def begin_signing_in(realm: Realm, sealer: Sealer, browser: bytes) -> Ceremony:
    """Options for a sign-in with any passkey the person has here; no name is asked, so none is confirmed."""
    rp_id = _need_relying_party_id(realm)
    challenge, sealed = _begin(realm, sealer, browser, _SIGN_IN, b"")
    options = webauthn.generate_authentication_options(
        rp_id=rp_id, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
    )
    return Ceremony(json.loads(options_to_json(options)), sealed)


def sign_in_with_passkey(
    realm: Realm, sealer: Sealer, browser: bytes, sealed: str, credential: str, replaces: bytes | None = None
) -> SignedIn:
    """Check a passkey's signature and open a session with a new id; `amr` says how (RFC 8176).

    Refused `wrong_passkey` alike for an unknown passkey, a wrong signature, no user verification, a counter that went
    back, a challenge of another browser, a used or an old one, and an account that may not be used.
    """
    now, rp_id = realm.clock.now(), _need_relying_party_id(realm)
    begun = _begun(realm, sealer, browser, _SIGN_IN, sealed)
    try:
        unverified = webauthn.helpers.parse_authentication_credential_json(credential)
    except Exception as error:  # As above.
        raise Refused("wrong_passkey", "the passkey could not be read") from error
    passkey, account = realm.store.read(lambda tx: _owner(tx, _passkey_id(unverified.raw_id)))
    if passkey is None or account is None or not account.usable:
        raise Refused("wrong_passkey", "the passkey is unknown")
    if unverified.response.user_handle != passkey.user_handle:
        raise Refused("wrong_passkey", "the passkey is somebody else's")
    try:
        proven = webauthn.verify_authentication_response(
            credential=unverified,
            expected_challenge=begun.challenge,
            expected_rp_id=rp_id,
            expected_origin=_origin(realm.issuer),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # As above.
        raise Refused("wrong_passkey", "the passkey could not be checked") from error
    signed_in = open_session(account, now, METHODS)
    event = AuditEvent(
        new_id(now), now, AuditKind.SIGNED_IN, account.id, None, signed_in.session.id.hex(), (("by", "passkey"),)
    )

    def unit(tx: Transaction) -> None:
        _spend(tx, begun)
        kept = tx.accounts.get(account.id)
        # The counter moves in the same statement that compares it: a copy of the key is noticed (section 6.1.1).
        if kept is None or not kept.usable or not tx.passkeys.claim_use(passkey.id, proven.new_sign_count):
            raise Refused("wrong_passkey", "the passkey cannot be used any more")
        if replaces is not None:
            end_replaced(tx, replaces, account.id, now)
        tx.sessions.add(signed_in.session)
        tx.audit.append(event)

    realm.store.write(unit, account.id)
    return signed_in


def remove_passkey(realm: Realm, account_id: bytes, passkey_id: bytes) -> bool:
    """Take a passkey off an account; False when it has no such one, whoever else has."""
    now = realm.clock.now()
    event = AuditEvent(new_id(now), now, AuditKind.PASSKEY_REMOVED, account_id, None, passkey_id.hex())

    def unit(tx: Transaction) -> bool:
        if not tx.passkeys.remove(account_id, passkey_id):
            return False
        tx.audit.append(event)
        return True

    return realm.store.write(unit, account_id)


def _owner(tx: Transaction, passkey_id: bytes) -> tuple[Passkey | None, Account | None]:
    passkey = tx.passkeys.get(passkey_id)
    return passkey, tx.accounts.get(passkey.account_id) if passkey is not None else None


def _begin(realm: Realm, sealer: Sealer, browser: bytes, purpose: str, handle: bytes) -> tuple[bytes, str]:
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    expires_at = realm.clock.now() + CEREMONY_SECONDS
    content = lp(challenge, handle, expires_at.to_bytes(8, "big"))
    return challenge, b64url_encode(sealer.seal(content, lp(_AD, purpose, browser)))


def _begun(realm: Realm, sealer: Sealer, browser: bytes, purpose: str, sealed: str) -> _Begun:
    try:
        content = sealer.open(b64url_decode(sealed), lp(_AD, purpose, browser))
    except CryptoError as error:
        raise Refused("wrong_passkey", "this was not begun in this browser") from error
    challenge, handle, expires_at = lp_split(content, 3)
    begun = _Begun(challenge, handle, int.from_bytes(expires_at, "big"))
    if realm.clock.now() >= begun.expires_at:
        raise Refused("wrong_passkey", "this was begun too long ago")
    return begun


def _spend(tx: Transaction, begun: _Begun) -> None:
    if not tx.spent.claim("passkey", begun.challenge, begun.expires_at):
        raise Refused("wrong_passkey", "this challenge was answered before")


def _need_relying_party_id(realm: Realm) -> str:
    rp_id = relying_party_id(realm.issuer)
    if rp_id is None:
        raise Refused("no_passkeys", "browsers make no passkeys for an issuer that is an address")
    return rp_id


def _passkey_id(credential_id: bytes) -> bytes:
    return hashlib.sha256(credential_id).digest()


def _origin(issuer: str) -> str:
    """The issuer's origin as browsers write it (RFC 6454, section 6.2)."""
    parts = urlsplit(issuer)
    default = {"https": ":443", "http": ":80"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(default)}"
