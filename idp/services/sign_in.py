"""Sign-in, sessions and sign-out of a browser at the issuer itself."""

import secrets
from dataclasses import dataclass

from crypto.pairwise import username_index
from idp.domain.account import Account
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.domain.session import SESSION_SECONDS, Session, session_id
from idp.services.accounts import normal_username
from idp.services.outbox import tell_session_ended
from idp.services.realm import Realm

COOKIE_SECRET_BYTES = 32
WINDOW_SECONDS = 3600
TRIES_PER_ACCOUNT = 10
"""Wrong passwords a username may meet in an hour before the hash is not evaluated any more (threats B01)."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session and the secret that only the browser's cookie keeps (32 bytes)."""

    session: Session
    cookie_secret: bytes


def sign_in(realm: Realm, username: str, password: str, replaces: bytes | None = None) -> SignedIn:
    """Check a password and open a session with a new id; the session of `replaces` ends (no fixation, threats B04).

    Refused `wrong_credentials` for an unknown name, a wrong password or a locked account alike, `too_many_tries`
    once a username met ten wrong passwords in the hour. Busy when too many passwords are being checked.
    """
    now = realm.clock.now()
    index = index_or_decoy(realm, username)
    window = now - now % WINDOW_SECONDS
    counter = b"password:" + index
    # Counted before the check and given back after success: parallel guesses cannot all pass a check made earlier.
    tries = realm.store.write(lambda tx: tx.attempts.add(counter, window, window + 2 * WINDOW_SECONDS), index)
    if tries > TRIES_PER_ACCOUNT:
        raise Refused("too_many_tries", "too many wrong passwords; try again later")
    account = realm.store.read(lambda tx: tx.accounts.by_username(index))
    correct = realm.passwords.verify(account.password_hash if account else None, password)
    if account is None or not correct or not account.usable:
        raise Refused("wrong_credentials", "username or password is wrong")
    rehashed = realm.passwords.hash(password) if realm.passwords.outdated(account.password_hash) else None
    signed_in = open_session(account, now, ("pwd",))
    event = AuditEvent(new_id(now), now, AuditKind.SIGNED_IN, account.id, None, signed_in.session.id.hex())

    def unit(tx: Transaction) -> None:
        tx.attempts.clear(counter)
        if rehashed is not None:
            tx.accounts.set_password(account.id, rehashed)
        if replaces is not None:
            end_replaced(tx, replaces, account.id, now)
        tx.sessions.add(signed_in.session)
        tx.audit.append(event)

    realm.store.write(unit, account.id)
    return signed_in


def current_session(realm: Realm, cookie_secret: bytes | None) -> Session | None:
    """The live session of a cookie, or None."""
    if cookie_secret is None:
        return None
    session = realm.store.read(lambda tx: tx.sessions.get(session_id(cookie_secret)))
    return session if session is not None and session.alive(realm.clock.now()) else None


def sign_out(realm: Realm, session: Session) -> None:
    """End a session and the grants that live by it."""
    now = realm.clock.now()
    event = AuditEvent(new_id(now), now, AuditKind.SESSION_REVOKED, session.account_id, None, session.id.hex())

    def unit(tx: Transaction) -> None:
        if tx.sessions.revoke(session.id, now):
            tx.audit.append(event)
            tell_session_ended(tx, session, now)

    realm.store.write(unit, session.account_id)


def end_replaced(tx: Transaction, session_id: bytes, account_id: bytes, now: int) -> None:
    """The browser's earlier session. Its apps are told when somebody else signs in, not when a person does so again."""
    replaced = tx.sessions.get(session_id)
    if tx.sessions.revoke(session_id, now) and replaced is not None and replaced.account_id != account_id:
        tell_session_ended(tx, replaced, now)


def open_session(account: Account, now: int, amr: tuple[str, ...]) -> SignedIn:
    """A new session that nobody has stored yet; `amr` after RFC 8176."""
    secret = secrets.token_bytes(COOKIE_SECRET_BYTES)
    session = Session(
        id=session_id(secret),
        account_id=account.id,
        auth_time=now,
        created_at=now,
        expires_at=now + SESSION_SECONDS,
        amr=amr,
        sid_seed=secrets.token_bytes(16),
    )
    return SignedIn(session, secret)


def index_or_decoy(realm: Realm, username: str) -> bytes:
    """The index of a username as it was typed; for what cannot be a username that of no account."""
    try:
        return username_index(realm.keys.username, normal_username(username))
    except Refused:
        return username_index(realm.keys.username, "\x00")
