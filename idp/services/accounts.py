"""Accounts: made, looked up, guarded, deleted."""

import secrets
import unicodedata
from dataclasses import dataclass

from crypto.pairwise import username_index
from idp.domain.account import Account, AccountState
from idp.domain.app_message import Initiator
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.services import password_rules
from idp.services.outbox import tell_account_deleted
from idp.services.realm import Realm

USERNAME_MAX = 128
SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is left of an account: its id (16 bytes, meaningless now), and how many apps are told."""

    account_id: bytes
    apps_told: int


def create_account(realm: Realm, username: str, password: str, tester: bool = False) -> Account:
    """Make an account without any age. Refused: `invalid_username`, `weak_password`; Conflict: the name is taken."""
    name = normal_username(username)
    password_rules.check(realm.known_passwords, password, name)
    now = realm.clock.now()
    account = Account(
        id=new_id(now),
        username=name,
        username_index=username_index(realm.keys.username, name),
        password_hash=realm.passwords.hash(password),
        salt=secrets.token_bytes(SALT_BYTES),
        state=AccountState.ACTIVE,
        created_at=now,
        tester=tester,
    )
    event = AuditEvent(new_id(now), now, AuditKind.ACCOUNT_CREATED, account.id, None, account.id.hex())

    def unit(tx: Transaction) -> None:
        tx.accounts.add(account)
        tx.audit.append(event)

    realm.store.write(unit, account.id)
    return account


def normal_username(username: str) -> str:
    """A username as it is kept: NFC, no control or invisible characters, 1-128 characters; else Refused."""
    name = unicodedata.normalize("NFC", username.strip())
    if not 1 <= len(name) <= USERNAME_MAX:
        raise Refused("invalid_username", "a username has 1 to 128 characters")
    if any(unicodedata.category(character)[0] == "C" for character in name):
        raise Refused("invalid_username", "a username has no control or invisible characters")
    return name


def find_account(realm: Realm, username: str) -> Account | None:
    """The account of a username, or None."""
    try:
        index = username_index(realm.keys.username, normal_username(username))
    except Refused:
        return None
    return realm.store.read(lambda tx: tx.accounts.by_username(index))


def need_account(realm: Realm, username: str) -> Account:
    """The account of a username; Refused `unknown_account` when there is none (for operators, never on a page)."""
    account = find_account(realm, username)
    if account is None:
        raise Refused("unknown_account", "no account has this username")
    return account


def delete_account(realm: Realm, username: str, initiator: Initiator) -> Deleted:
    """Delete an account for good; Refused `unknown_account` when there is none.

    Its data key goes first, so that nothing sealed under it opens any more; its grants, sessions and consents end, its
    apps are told on the next common minute, and a child that loses its last guardian is suspended.
    """
    account_id = need_account(realm, username).id
    now = realm.clock.now()
    event = AuditEvent(new_id(now), now, AuditKind.ACCOUNT_DELETED, account_id, None, account_id.hex())

    def unit(tx: Transaction) -> int:
        account = tx.accounts.get(account_id)
        if account is None:
            raise Refused("unknown_account", "the account was deleted meanwhile")
        told = tell_account_deleted(realm, tx, account, now, initiator)
        _unlink(realm, tx, account, now)
        tx.audit.append(event)
        for kind in (b"password:", b"reset:"):
            tx.attempts.clear(kind + account.username_index)
        tx.grants.revoke_of_account(account_id, now)
        tx.accounts.delete(account_id)
        return told

    return Deleted(account_id, realm.store.write(unit, account_id))


def link_guardian(realm: Realm, guardian: str, child: str) -> None:
    """Link an adult account to a child's. Refused: `guardian_not_adult`, `same_account`, `child_is_adult`."""
    guardian_id, child_id = need_account(realm, guardian).id, need_account(realm, child).id
    if guardian_id == child_id:
        raise Refused("same_account", "nobody is their own guardian")
    now = realm.clock.now()
    adult = realm.policy.adult_age

    def unit(tx: Transaction) -> None:
        older, younger = tx.accounts.get(guardian_id), tx.accounts.get(child_id)
        if older is None or younger is None:
            raise Refused("unknown_account", "an account was deleted meanwhile")
        if older.age is None or not older.age.state.over(adult, now):
            raise Refused("guardian_not_adult", "a guardian needs recorded evidence of being an adult")
        if younger.age is not None and younger.age.state.over(adult, now):
            raise Refused("child_is_adult", "an adult has no guardian")
        if guardian_id in younger.guardians:
            return
        tx.accounts.set_links(guardian_id, older.guardians, (*older.children, child_id))
        tx.accounts.set_links(child_id, (*younger.guardians, guardian_id), younger.children)
        if younger.state is AccountState.SUSPENDED:
            tx.accounts.set_state(child_id, AccountState.ACTIVE)
        tx.audit.append(AuditEvent(new_id(now), now, AuditKind.GUARDIAN_LINKED, child_id, None, child_id.hex()))

    realm.store.write(unit, min(guardian_id, child_id))


def _unlink(realm: Realm, tx: Transaction, gone: Account, now: int) -> None:
    """Take an account out of its relatives' links."""
    for guardian_id in gone.guardians:
        guardian = tx.accounts.get(guardian_id)
        if guardian is not None:
            tx.accounts.set_links(guardian_id, guardian.guardians, _without(guardian.children, gone.id))
    for child_id in gone.children:
        child = tx.accounts.get(child_id)
        if child is None:
            continue
        guardians = _without(child.guardians, gone.id)
        tx.accounts.set_links(child_id, guardians, child.children)
        grown = child.age is not None and child.age.state.over(realm.policy.consent_age, now)
        if not guardians and not grown and child.state is AccountState.ACTIVE:
            tx.accounts.set_state(child_id, AccountState.SUSPENDED)
            tx.audit.append(AuditEvent(new_id(now), now, AuditKind.ACCOUNT_SUSPENDED, child_id, None, child_id.hex()))


def _without(links: tuple[bytes, ...], account_id: bytes) -> tuple[bytes, ...]:
    return tuple(link for link in links if link != account_id)
