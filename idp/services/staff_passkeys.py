"""Passkeys of staff: a second factor beside the authenticator app, for the member who showed the password."""

from crypto.sealing import Sealer
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Conflict, Refused
from idp.domain.identifiers import new_id
from idp.domain.passkey import PASSKEYS_PER_ACCOUNT
from idp.domain.ports import Transaction
from idp.domain.staff import Factor, StaffPasskey
from idp.services import passkey_ceremony as ceremony
from idp.services.passkey_ceremony import Ceremony, Site, passkey_id
from idp.services.realm import Realm
from idp.services.staff_sign_in import OnDuty, StaffSignedIn, complete

_ADD, _PROVE = "staff-add/", "staff-prove/"


def begin_adding(realm: Realm, sealer: Sealer, browser: bytes, duty: OnDuty) -> Ceremony:
    """Options for a new passkey of a member on duty; not one that devices list by themselves. Refused `no_passkeys`."""
    kept = passkeys_of(realm, duty)
    site = _site(_ADD, sealer, browser, duty)
    ids = [passkey.credential_id for passkey in kept]
    return ceremony.begin_creating(realm, site, duty.member.id, duty.member.name, ids, discoverable=False)


def add_passkey(realm: Realm, sealer: Sealer, browser: bytes, duty: OnDuty, sealed: str, credential: str) -> None:
    """Keep the passkey a browser has made. Refused: `wrong_passkey`, `too_many_passkeys`, `signed_out`."""
    now = realm.clock.now()
    begun = ceremony.begun(realm, _site(_ADD, sealer, browser, duty), sealed)
    made = ceremony.created(realm, begun, credential)
    passkey = StaffPasskey(
        id=passkey_id(made.credential_id),
        staff_id=duty.member.id,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        created_at=now,
    )
    event = _event(now, AuditKind.STAFF_PASSKEY_ADDED, duty, passkey.id)

    def unit(tx: Transaction) -> None:
        # A session that a reset has ended meanwhile must not leave a factor behind.
        if tx.staff.get(duty.member.id) is None or tx.staff_sessions.get(duty.session.id) is None:
            raise Refused("signed_out", "the session is over")
        ceremony.spend(tx, begun)
        if len(tx.staff_passkeys.of_member(duty.member.id)) >= PASSKEYS_PER_ACCOUNT:
            raise Refused("too_many_passkeys", f"a member has at most {PASSKEYS_PER_ACCOUNT} passkeys")
        tx.staff_passkeys.add(passkey)
        tx.audit.append(event)

    try:
        realm.store.write(unit, duty.member.id)
    except Conflict as error:
        raise Refused("wrong_passkey", "the passkey exists") from error


def begin_proving(realm: Realm, sealer: Sealer, browser: bytes, duty: OnDuty) -> Ceremony:
    """Options to use one of the member's passkeys; the password was right, so it is told which there are."""
    kept = passkeys_of(realm, duty)
    if not kept:
        raise Refused("no_passkeys", "this member has no passkey")
    ids = [passkey.credential_id for passkey in kept]
    return ceremony.begin_using(realm, _site(_PROVE, sealer, browser, duty), ids)


def prove_by_passkey(
    realm: Realm, sealer: Sealer, browser: bytes, duty: OnDuty, sealed: str, credential: str
) -> StaffSignedIn:
    """A whole session for the signature of one of the member's passkeys, with the person verified.

    Refused `wrong_passkey` as at people's sign-in, `signed_out` when the half session is over.
    """
    now = realm.clock.now()
    begun = ceremony.begun(realm, _site(_PROVE, sealer, browser, duty), sealed)
    unverified = ceremony.unverified_answer(credential)
    named = passkey_id(unverified.raw_id)
    passkey = next((one for one in passkeys_of(realm, duty) if one.id == named), None)
    if passkey is None:
        raise Refused("wrong_passkey", "the passkey is unknown")
    proven = ceremony.used(realm, begun, unverified, passkey.public_key, passkey.sign_count)

    def factor(tx: Transaction) -> None:
        ceremony.spend(tx, begun)
        if not tx.staff_passkeys.claim_use(passkey.id, proven.new_sign_count):
            raise Refused("wrong_passkey", "the passkey cannot be used any more")

    return complete(realm, duty.session, duty.member, Factor.PASSKEY, factor, now)


def remove_passkey(realm: Realm, duty: OnDuty, removed: bytes) -> bool:
    """Take a passkey off a member; False when it has no such one, whoever else has."""
    now = realm.clock.now()

    def unit(tx: Transaction) -> bool:
        if not tx.staff_passkeys.remove(duty.member.id, removed):
            return False
        tx.audit.append(_event(now, AuditKind.STAFF_PASSKEY_REMOVED, duty, removed))
        return True

    return realm.store.write(unit, duty.member.id)


def passkeys_of(realm: Realm, duty: OnDuty) -> list[StaffPasskey]:
    """A member's passkeys, the oldest first."""
    return list(realm.store.read(lambda tx: tx.staff_passkeys.of_member(duty.member.id)))


def _site(purpose: str, sealer: Sealer, browser: bytes, duty: OnDuty) -> Site:
    """A ceremony is bound to the session, too: what began in one is not finished in another."""
    return Site(sealer, browser, purpose + duty.session.id.hex())


def _event(now: int, kind: AuditKind, duty: OnDuty, passkey: bytes) -> AuditEvent:
    return AuditEvent(new_id(now), now, kind, None, None, duty.member.id.hex(), (("passkey", passkey.hex()),))
