"""Passkeys of people: added to an account, used to sign in, taken off again (`passkey_ceremony`)."""

import secrets

from crypto.sealing import Sealer
from idp.domain.account import Account
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Conflict, Refused
from idp.domain.identifiers import new_id
from idp.domain.passkey import PASSKEYS_PER_ACCOUNT, USER_HANDLE_BYTES, Passkey
from idp.domain.ports import Transaction
from idp.domain.session import Session
from idp.services import passkey_ceremony as ceremony
from idp.services.my_account import confirm_password
from idp.services.passkey_ceremony import CEREMONY_SECONDS, Ceremony, Site, passkey_id, relying_party_id
from idp.services.realm import Realm
from idp.services.sign_in import SignedIn, end_replaced, open_session

__all__ = [
    "CEREMONY_SECONDS",
    "Ceremony",
    "add_passkey",
    "begin_adding",
    "begin_signing_in",
    "relying_party_id",
    "remove_passkey",
    "sign_in_with_passkey",
]

METHODS = ("pop", "user")
"""`amr` after RFC 8176: proof of possession of a key, the person there. That hardware holds it is not proven."""

_ADD, _SIGN_IN = "add", "sign-in"


def begin_adding(realm: Realm, sealer: Sealer, browser: bytes, session: Session) -> Ceremony:
    """Options for a new passkey of the signed-in person; Refused `no_passkeys`, `unknown_account`."""
    account, kept = realm.store.read(
        lambda tx: (tx.accounts.get(session.account_id), tx.passkeys.of_account(session.account_id))
    )
    if account is None or not account.usable:
        raise Refused("unknown_account", "the account cannot be used")
    handle = kept[0].user_handle if kept else secrets.token_bytes(USER_HANDLE_BYTES)
    return ceremony.begin_creating(
        realm,
        Site(sealer, browser, _ADD),
        handle,
        account.username,
        [passkey.credential_id for passkey in kept],
        discoverable=True,
    )


def add_passkey(
    realm: Realm, sealer: Sealer, browser: bytes, session: Session, password: str, sealed: str, credential: str
) -> None:
    """Keep the passkey a browser has made. The password is asked for: a borrowed session must not stay for good.

    Refused: `wrong_passkey`, `too_many_passkeys`, and as `confirm_password`. Busy as that.
    """
    now = realm.clock.now()
    begun = ceremony.begun(realm, Site(sealer, browser, _ADD), sealed)
    account = confirm_password(realm, session, password)
    made = ceremony.created(realm, begun, credential)
    passkey = Passkey(
        id=passkey_id(made.credential_id),
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
        ceremony.spend(tx, begun)
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
    return ceremony.begin_using(realm, Site(sealer, browser, _SIGN_IN))


def sign_in_with_passkey(
    realm: Realm, sealer: Sealer, browser: bytes, sealed: str, credential: str, replaces: bytes | None = None
) -> SignedIn:
    """Check a passkey's signature and open a session with a new id; `amr` says how (RFC 8176).

    Refused `wrong_passkey` alike for an unknown passkey, a wrong signature, no user verification, a counter that went
    back, a challenge of another browser, a used or an old one, and an account that may not be used.
    """
    now = realm.clock.now()
    begun = ceremony.begun(realm, Site(sealer, browser, _SIGN_IN), sealed)
    unverified = ceremony.unverified_answer(credential)
    passkey, account = realm.store.read(lambda tx: _owner(tx, passkey_id(unverified.raw_id)))
    if passkey is None or account is None or not account.usable:
        raise Refused("wrong_passkey", "the passkey is unknown")
    if unverified.response.user_handle != passkey.user_handle:
        raise Refused("wrong_passkey", "the passkey is somebody else's")
    proven = ceremony.used(realm, begun, unverified, passkey.public_key, passkey.sign_count)
    signed_in = open_session(account, now, METHODS)
    event = AuditEvent(
        new_id(now), now, AuditKind.SIGNED_IN, account.id, None, signed_in.session.id.hex(), (("by", "passkey"),)
    )

    def unit(tx: Transaction) -> None:
        ceremony.spend(tx, begun)
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


def remove_passkey(realm: Realm, account_id: bytes, removed: bytes) -> bool:
    """Take a passkey off an account; False when it has no such one, whoever else has."""
    now = realm.clock.now()
    event = AuditEvent(new_id(now), now, AuditKind.PASSKEY_REMOVED, account_id, None, removed.hex())

    def unit(tx: Transaction) -> bool:
        if not tx.passkeys.remove(account_id, removed):
            return False
        tx.audit.append(event)
        return True

    return realm.store.write(unit, account_id)


def _owner(tx: Transaction, found: bytes) -> tuple[Passkey | None, Account | None]:
    passkey = tx.passkeys.get(found)
    return passkey, tx.accounts.get(passkey.account_id) if passkey is not None else None
