"""A lost password: recovery codes made, handed out by an operator, and used (threats B03, B08, B09)."""

from dataclasses import dataclass

from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.domain.recovery_code import CODES, code_digest, new_code
from idp.domain.session import Session
from idp.services import password_rules
from idp.services.accounts import need_account
from idp.services.my_account import confirm_password
from idp.services.outbox import tell_session_ended
from idp.services.realm import Realm
from idp.services.sign_in import WINDOW_SECONDS, index_or_decoy

OPERATORS_CODE_SECONDS = 15 * 60
RESETS_PER_ACCOUNT = 10
"""Wrong codes a username may meet in an hour."""


@dataclass(frozen=True, slots=True)
class OperatorsCode:
    """A code for one reset; `expires_at` in epoch seconds."""

    code: str
    expires_at: int


def make_recovery_codes(realm: Realm, session: Session, password: str) -> tuple[str, ...]:
    """Eight fresh codes for the signed-in person, in place of all earlier ones; they cannot be shown again.

    A borrowed session is not enough to keep an account for good, so the password is asked for. Refused and Busy as
    `confirm_password`.
    """
    now = realm.clock.now()
    account = confirm_password(realm, session, password)
    codes = tuple(new_code() for _ in range(CODES))
    digests = [code_digest(code) for code in codes]
    event = AuditEvent(new_id(now), now, AuditKind.RECOVERY_CODES_MADE, account.id, None, account.id.hex())

    def unit(tx: Transaction) -> None:
        kept = tx.accounts.get(account.id)
        # Reset or deleted since the password was checked: then it is no longer this person who asks.
        if kept is None or not kept.usable or kept.password_hash != account.password_hash:
            raise Refused("wrong_credentials", "the password is wrong")
        tx.recovery_codes.replace(account.id, digests)
        tx.audit.append(event)

    realm.store.write(unit, account.id)
    return codes


def make_operators_code(realm: Realm, username: str) -> OperatorsCode:
    """A code an operator gives to a person whom they have recognised; Refused `unknown_account`."""
    now = realm.clock.now()
    account = need_account(realm, username)
    made = OperatorsCode(new_code(), now + OPERATORS_CODE_SECONDS)
    digest = code_digest(made.code)
    event = AuditEvent(new_id(now), now, AuditKind.RESET_CODE_MADE, account.id, None, account.id.hex())

    def unit(tx: Transaction) -> None:
        if tx.accounts.get(account.id) is None:
            raise Refused("unknown_account", "the account was deleted meanwhile")
        tx.recovery_codes.add(account.id, digest, made.expires_at)
        tx.audit.append(event)

    realm.store.write(unit, account.id)
    return made


def reset_password(realm: Realm, username: str, code: str, fresh: str) -> None:
    """A new password for a recovery code; every session of the account ends, and nobody is signed in.

    Refused `weak_password` before anything is looked up; `wrong_code` for an unknown name, a wrong code, a used one and
    an account that may not be used alike, after the same work; `too_many_tries`. Busy as at sign-in.
    """
    now = realm.clock.now()
    password_rules.check(realm.known_passwords, fresh, username)
    index = index_or_decoy(realm, username)
    window = now - now % WINDOW_SECONDS
    counter = b"reset:" + index
    # Counted before the code is tried, as at sign-in.
    tries = realm.store.write(lambda tx: tx.attempts.add(counter, window, window + 2 * WINDOW_SECONDS), index)
    if tries > RESETS_PER_ACCOUNT:
        raise Refused("too_many_tries", "too many wrong codes; try again later")
    # Hashed whatever comes of it: this is what takes time.
    encoded, digest = realm.passwords.hash(fresh), code_digest(code)

    def unit(tx: Transaction) -> None:
        account_id = tx.recovery_codes.claim(index, digest, now)
        if account_id is None:
            raise Refused("wrong_code", "username or recovery code is wrong")
        tx.accounts.set_password(account_id, encoded)
        tx.attempts.clear(counter)
        tx.attempts.clear(b"password:" + index)
        tx.audit.append(AuditEvent(new_id(now), now, AuditKind.PASSWORD_RESET, account_id, None, account_id.hex()))
        for session in tx.sessions.of_account(account_id):
            if session.alive(now):
                tell_session_ended(tx, session, now)
        tx.sessions.revoke_others(account_id, None, now)
        # Somebody else may have been here: apps that were let in for the time away are let in again by the person.
        tx.grants.revoke_of_account(account_id, now)
        tx.device_grants.deny_of_account(account_id)

    realm.store.write(unit, index)
