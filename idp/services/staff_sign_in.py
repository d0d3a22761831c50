"""Sign-in of staff: the password opens a half session, the second factor a whole one in its place (threats B04, B09).

Locks are taken in one order, the member's row and then its sessions, so that a reset of the factor and a sign-in that
is on its way cannot pass each other.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from crypto import totp
from crypto.encoding import b64url_decode, b64url_encode, lp, lp_split
from crypto.errors import CryptoError
from crypto.sealing import Sealer
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.domain.session import session_id
from idp.domain.staff import HALF_SESSION_SECONDS, SESSION_SECONDS, Factor, StaffMember, StaffSession
from idp.services.accounts import normal_username
from idp.services.realm import Realm
from idp.services.sign_in import COOKIE_SECRET_BYTES, TRIES_PER_ACCOUNT, WINDOW_SECONDS
from idp.services.staff import staff_index

CODES_PER_HOUR = 5
"""Wrong codes of one member in any hour. Three of a million codes are right at a time: in a year of guessing day and
night, somebody who has the password gets in with a chance of one in eight, and each blocked hour is in the trail."""

TOUCH_SECONDS = 30
"""A session is noted as used this often, so that a page does not cost a write each time."""

_AD = b"blindage/staff-enrolment/v1"
_NAME = "Blindage"


@dataclass(frozen=True, slots=True)
class StaffSignedIn:
    """A fresh session and the secret that only the browser's cookie keeps (32 bytes)."""

    session: StaffSession
    cookie_secret: bytes


@dataclass(frozen=True, slots=True)
class OnDuty:
    """A member with the session a request came with."""

    member: StaffMember
    session: StaffSession


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A TOTP secret that is shown once: as text, as the address a QR code holds, and sealed for the form."""

    text: str
    uri: str
    sealed: str


def open_half_session(realm: Realm, username: str, password: str, replaces: bytes | None = None) -> StaffSignedIn:
    """Check a member's password; the session of `replaces` ends. It opens nothing before the second factor.

    Refused `wrong_credentials` for an unknown name and a wrong password alike, after the same work; `too_many_tries`
    as at people's sign-in. Busy when too many passwords are being checked.
    """
    now = realm.clock.now()
    index = _index_or_decoy(realm, username)
    counter, window = b"staff-password:" + index, now - now % WINDOW_SECONDS
    # Counted before the check and taken back by success, as at people's sign-in.
    tries = realm.store.write(lambda tx: tx.attempts.add(counter, window, window + 2 * WINDOW_SECONDS), index)
    if tries > TRIES_PER_ACCOUNT:
        raise Refused("too_many_tries", "too many wrong passwords; try again later")
    member = realm.store.read(lambda tx: tx.staff.by_name(index))
    correct = realm.passwords.verify(member.password_hash if member else None, password)
    if member is None or not correct:
        raise Refused("wrong_credentials", "username or password is wrong")
    opened = _session(member, None, now)

    def unit(tx: Transaction) -> None:
        kept = tx.staff.get(member.id)
        if kept is None or kept.password_hash != member.password_hash:
            raise Refused("wrong_credentials", "username or password is wrong")
        tx.attempts.clear(counter)
        if replaces is not None:
            tx.staff_sessions.end(replaces)
        tx.staff_sessions.add(opened.session)

    realm.store.write(unit, member.id)
    return opened


def on_duty(realm: Realm, cookie_secret: bytes | None) -> OnDuty | None:
    """The member of a cookie's living session, whole or half; None without one."""
    if cookie_secret is None:
        return None
    now, found = realm.clock.now(), session_id(cookie_secret)

    def unit(tx: Transaction) -> OnDuty | None:
        session = tx.staff_sessions.get(found)
        member = tx.staff.get(session.staff_id) if session is not None and session.alive(now) else None
        return OnDuty(member, session) if member is not None and session is not None else None

    duty = realm.store.read(unit)
    if duty is not None and now >= duty.session.seen_at + TOUCH_SECONDS:
        realm.store.write(lambda tx: tx.staff_sessions.touch(found, now), duty.member.id)
    return duty


def prove_by_totp(realm: Realm, half: StaffSession, code: str) -> StaffSignedIn:
    """A whole session for the code of an authenticator app; each code works once (RFC 6238, section 5.2).

    Refused: `wrong_code` for a wrong and a used one alike; `too_many_tries`, which ends the half session;
    `signed_out` when that is over.
    """
    now = realm.clock.now()
    # 1. The try is counted before the code is looked at: of guesses made at once none slips through.
    member = _count_try(realm, half, now)
    # 2. The code is one of those of this minute.
    step = totp.matching_step(member.totp_secret, code, now) if member.totp_secret is not None else None
    if step is None:
        raise Refused("wrong_code", "the code is wrong")

    def factor(tx: Transaction) -> None:
        # 3. Nobody has used it.
        if not tx.staff.claim_totp_step(member.id, step):
            raise Refused("wrong_code", "the code was used before")

    # 4. The half session is used up, and a whole one with a new id takes its place.
    return complete(realm, half, member, Factor.TOTP, factor, now)


def begin_enrolment(realm: Realm, sealer: Sealer, browser: bytes, duty: OnDuty) -> Enrolment:
    """A fresh TOTP secret, kept nowhere but in the form; Refused `no_enrolment` when there is a factor, or too late."""
    if not duty.member.may_enrol(realm.clock.now()):
        raise Refused("no_enrolment", "the second factor cannot be set up now")
    secret = secrets.token_bytes(totp.SECRET_BYTES)
    sealed = b64url_encode(sealer.seal(lp(secret), lp(_AD, browser, duty.session.id)))
    return Enrolment(totp.secret_text(secret), totp.provisioning_uri(secret, _NAME, duty.member.name), sealed)


def enrol(realm: Realm, sealer: Sealer, browser: bytes, duty: OnDuty, sealed: str, code: str) -> StaffSignedIn:
    """Keep the secret once its app shows the right code; the first of two who enrol at once wins.

    Refused: `wrong_code`, `no_enrolment`, `signed_out`.
    """
    now, half, member = realm.clock.now(), duty.session, duty.member
    try:
        (secret,) = lp_split(sealer.open(b64url_decode(sealed), lp(_AD, browser, half.id)), 1)
    except CryptoError as error:
        raise Refused("no_enrolment", "this was not begun in this session") from error
    step = totp.matching_step(secret, code, now)
    if step is None:
        raise Refused("wrong_code", "the code is wrong")

    def factor(tx: Transaction) -> None:
        if not tx.staff.claim_enrolment(member.id, secret, step, now):
            raise Refused("no_enrolment", "the second factor cannot be set up now")
        tx.audit.append(_event(now, AuditKind.STAFF_FACTOR_ENROLLED, member.id))

    return complete(realm, half, member, Factor.TOTP, factor, now)


def complete(
    realm: Realm,
    half: StaffSession,
    member: StaffMember,
    factor: Factor,
    prove: Callable[[Transaction], None],
    now: int,
) -> StaffSignedIn:
    """A whole session in place of a half one, if `prove` (in the same transaction) does not refuse."""
    opened = _session(member, factor, now)

    def unit(tx: Transaction) -> None:
        if tx.staff.get(member.id) is None:
            raise Refused("signed_out", "the sign-in has to begin again")
        prove(tx)
        if not tx.staff_sessions.claim_half(half.id):
            raise Refused("signed_out", "the sign-in has to begin again")
        tx.staff_sessions.add(opened.session)
        tx.attempts.clear(_counter(member.id))
        tx.audit.append(_event(now, AuditKind.STAFF_SIGNED_IN, member.id, (("by", factor.value),)))

    realm.store.write(unit, member.id)
    return opened


def staff_sign_out(realm: Realm, session: StaffSession) -> None:
    """End a session, whole or half."""
    now = realm.clock.now()

    def unit(tx: Transaction) -> None:
        if tx.staff_sessions.end(session.id) and session.factor is not None:
            tx.audit.append(_event(now, AuditKind.STAFF_SIGNED_OUT, session.staff_id))

    realm.store.write(unit, session.staff_id)


def _count_try(realm: Realm, half: StaffSession, now: int) -> StaffMember:
    """Count a try of the second factor; past the limit the half session ends, so that the password is due again."""
    counter, window = _counter(half.staff_id), now - now % WINDOW_SECONDS

    def unit(tx: Transaction) -> tuple[StaffMember | None, bool]:
        member = tx.staff.get(half.staff_id)
        # This window and the one before, so that no hour sees more.
        tries = tx.attempts.count(counter, window - WINDOW_SECONDS)
        tries += tx.attempts.add(counter, window, window + 2 * WINDOW_SECONDS)
        if tries > CODES_PER_HOUR:
            # Nothing was tried: the counter stays at its limit, or waiting would not help.
            tx.attempts.take_back(counter, window)
            tx.staff_sessions.end(half.id)
            # One row in the hour: whoever guesses on must not fill the trail.
            if tx.spent.claim("staff-blocked", lp(counter, str(window)), window + 2 * WINDOW_SECONDS):
                tx.audit.append(_event(now, AuditKind.STAFF_FACTOR_BLOCKED, half.staff_id))
        return member, tries <= CODES_PER_HOUR

    member, within = realm.store.write(unit, half.staff_id)
    if not within:
        raise Refused("too_many_tries", "too many wrong codes; try again later")
    if member is None:
        raise Refused("signed_out", "the sign-in has to begin again")
    return member


def _session(member: StaffMember, factor: Factor | None, now: int) -> StaffSignedIn:
    secret = secrets.token_bytes(COOKIE_SECRET_BYTES)
    life = HALF_SESSION_SECONDS if factor is None else SESSION_SECONDS
    return StaffSignedIn(StaffSession(session_id(secret), member.id, factor, now, now, now + life), secret)


def _index_or_decoy(realm: Realm, username: str) -> bytes:
    try:
        return staff_index(realm, normal_username(username))
    except Refused:
        return staff_index(realm, "\x00")


def _counter(staff_id: bytes) -> bytes:
    return b"staff-factor:" + staff_id


def _event(now: int, kind: AuditKind, staff_id: bytes, details: tuple[tuple[str, str], ...] = ()) -> AuditEvent:
    return AuditEvent(new_id(now), now, kind, None, None, staff_id.hex(), details)
