"""What people see and change about their own account: apps, sessions, password."""

from dataclasses import dataclass

from idp.domain.account import Account
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.client import Client
from idp.domain.consent import Consent, Giver
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.passkey import Passkey
from idp.domain.ports import Transaction
from idp.domain.session import Session
from idp.services import password_rules
from idp.services.outbox import tell_session_ended
from idp.services.realm import Realm
from idp.services.sign_in import TRIES_PER_ACCOUNT, WINDOW_SECONDS

LOOKS_SHOWN = 20
"""The newest looks of staff at a record that its person is shown."""


@dataclass(frozen=True, slots=True)
class MyApp:
    """An app with a living consent: what it may learn, since when (epoch seconds), and who agreed."""

    client: Client
    scope: frozenset[str]
    claims: frozenset[str]
    since: int
    givers: frozenset[Giver]


@dataclass(frozen=True, slots=True)
class Look:
    """That staff looked at the account's record: when (epoch seconds) and why (a word of `LookReason`)."""

    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class MyAccount:
    """One person's account as that person sees it: apps by name, sessions newest first.

    `recovery_codes` is how many of them are left.
    """

    account: Account
    apps: tuple[MyApp, ...]
    sessions: tuple[Session, ...]
    recovery_codes: int
    passkeys: tuple[Passkey, ...]
    looks: tuple[Look, ...]


def my_account(realm: Realm, session: Session) -> MyAccount | None:
    """Everything the account page shows, read in one go; None when the account is gone or may not be used."""
    now = realm.clock.now()

    def unit(tx: Transaction) -> MyAccount | None:
        account = tx.accounts.get(session.account_id)
        if account is None or not account.usable:
            return None
        sessions = [one for one in tx.sessions.of_account(account.id) if one.alive(now)]
        sessions.sort(key=lambda one: one.created_at, reverse=True)
        apps = _apps(tx, [one for one in tx.consents.of_account(account.id) if one.withdrawn_at is None])
        codes, passkeys = tx.recovery_codes.remaining(account.id), tx.passkeys.of_account(account.id)
        seen = tx.audit.newest_of(account.id, AuditKind.STAFF_READ, LOOKS_SHOWN)
        looks = tuple(Look(event.at, dict(event.details).get("reason", "")) for event in seen)
        return MyAccount(account, apps, tuple(sessions), codes, tuple(passkeys), looks)

    return realm.store.read(unit)


def username_of(realm: Realm, session: Session) -> str | None:
    """The name a session's person signs in with, for that person's own pages."""
    account = realm.store.read(lambda tx: tx.accounts.get(session.account_id))
    return account.username if account is not None else None


def end_session(realm: Realm, account_id: bytes, ended: bytes) -> bool:
    """End one session of an account and the grants that live by it; False when the account has no such session."""
    now = realm.clock.now()
    event = AuditEvent(new_id(now), now, AuditKind.SESSION_REVOKED, account_id, None, ended.hex())

    def unit(tx: Transaction) -> bool:
        session = tx.sessions.get(ended)
        # Somebody else's session is answered like one that does not exist (threats B10).
        if session is None or session.account_id != account_id or not tx.sessions.revoke(ended, now):
            return False
        tx.audit.append(event)
        tell_session_ended(tx, session, now)
        return True

    return realm.store.write(unit, account_id)


def change_password(realm: Realm, session: Session, current: str, fresh: str) -> int:
    """Change the password of the signed-in person and end all other sessions; returns how many those were.

    Refused: `wrong_credentials` when `current` is wrong, `too_many_tries` when that happened too often in the hour
    (the counter is the one of sign-in), `weak_password`. Busy when too many passwords are being checked.
    """
    now = realm.clock.now()
    password_rules.check(realm.known_passwords, fresh, username_of(realm, session) or "")
    account = confirm_password(realm, session, current)
    checked, encoded = account.password_hash, realm.passwords.hash(fresh)
    event = AuditEvent(new_id(now), now, AuditKind.PASSWORD_CHANGED, account.id, None, account.id.hex())

    def unit(tx: Transaction) -> int:
        kept = tx.accounts.get(session.account_id)
        # Changed by another request since it was checked: that one has won, and `current` is wrong by now.
        if kept is None or kept.password_hash != checked:
            raise Refused("wrong_credentials", "the current password is wrong")
        tx.accounts.set_password(kept.id, encoded)
        tx.audit.append(event)
        for other in tx.sessions.of_account(kept.id):
            if other.id != session.id and other.alive(now):
                tell_session_ended(tx, other, now)
        # As with the grants of devices: those that have not come for theirs get none.
        tx.device_grants.deny_of_account(kept.id)
        return tx.sessions.revoke_others(kept.id, session.id, now)

    return realm.store.write(unit, account.id)


def confirm_password(realm: Realm, session: Session, password: str) -> Account:
    """The signed-in person's account, once they have typed their password again; the tries are those of sign-in.

    Refused: `wrong_credentials`, `too_many_tries`. Busy when too many passwords are being checked.
    """
    now = realm.clock.now()
    account = realm.store.read(lambda tx: tx.accounts.get(session.account_id))
    if account is None or not account.usable:
        raise Refused("wrong_credentials", "the account cannot be used")
    window = now - now % WINDOW_SECONDS
    # Apart from the counter of sign-in: whoever guesses there must not keep the owner from a new password here.
    counter = b"confirm:" + session.id
    # Counted before the check, as at sign-in: a borrowed session must not be a way around the limit.
    tries = realm.store.write(lambda tx: tx.attempts.add(counter, window, window + 2 * WINDOW_SECONDS), account.id)
    if tries > TRIES_PER_ACCOUNT:
        raise Refused("too_many_tries", "too many wrong passwords; try again later")
    if not realm.passwords.verify(account.password_hash, password):
        raise Refused("wrong_credentials", "the password is wrong")
    realm.store.write(lambda tx: tx.attempts.clear(counter), account.id)
    return account


def _apps(tx: Transaction, consents: list[Consent]) -> tuple[MyApp, ...]:
    """One line for each app, however many people agreed to it."""
    apps: list[MyApp] = []
    for client_id in dict.fromkeys(consent.client_id for consent in consents):
        client = tx.clients.get(client_id)
        if client is None:
            continue
        mine = [consent for consent in consents if consent.client_id == client_id]
        apps.append(
            MyApp(
                client=client,
                scope=frozenset().union(*(consent.scope for consent in mine)),
                claims=frozenset().union(*(consent.claims for consent in mine)),
                since=min(consent.created_at for consent in mine),
                givers=frozenset(consent.giver for consent in mine),
            )
        )
    return tuple(sorted(apps, key=lambda app: app.client.name.casefold()))
