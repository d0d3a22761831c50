"""Members of staff: added, listed, changed and removed at the command line of the machine itself (blindage staff)."""

from collections.abc import Callable, Iterable
from hashlib import blake2b

from crypto.encoding import lp
from crypto.pairwise import fold_username
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Conflict, Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.domain.staff import ENROLMENT_SECONDS, StaffMember, StaffRole
from idp.services import password_rules
from idp.services.accounts import normal_username
from idp.services.realm import Realm

# BLAKE2 personalisation is 16 bytes: one string each, so that uses part even under one key.
_NAME_PERSON = b"blindage-staffnm"


def staff_index(realm: Realm, name: str) -> bytes:
    """The 32-byte look-up key of a member's name: of another space than usernames, so that the two do not join."""
    message = lp("blindage/staff-name/v1", fold_username(name))
    return blake2b(message, digest_size=32, key=realm.keys.username, person=_NAME_PERSON).digest()


def add_staff(realm: Realm, username: str, roles: Iterable[StaffRole], password: str) -> StaffMember:
    """A new member, who sets up the second factor at the first sign-in, within three days.

    Refused: `invalid_username`, `no_role`, `weak_password`, `name_taken`.
    """
    name, given = normal_username(username), _some(roles)
    password_rules.check(realm.known_passwords, password, name)
    now = realm.clock.now()
    member = StaffMember(
        id=new_id(now),
        name=name,
        name_index=staff_index(realm, name),
        password_hash=realm.passwords.hash(password),
        roles=given,
        created_at=now,
        enrol_until=now + ENROLMENT_SECONDS,
    )

    def unit(tx: Transaction) -> None:
        tx.staff.add(member)
        # The trail goes on naming who an id was after the member is gone.
        tx.audit.append(_event(now, AuditKind.STAFF_ADDED, member, (("name", name), ("roles", _words(given)))))

    try:
        realm.store.write(unit, member.id)
    except Conflict as error:
        raise Refused("name_taken", "this name is taken") from error
    return member


def all_staff(realm: Realm) -> list[StaffMember]:
    """Every member, the oldest first."""
    return list(realm.store.read(lambda tx: tx.staff.all()))


def remove_staff(realm: Realm, username: str) -> StaffMember:
    """Remove a member with every session; Refused `unknown_staff`."""
    return _change(realm, username, AuditKind.STAFF_REMOVED, lambda tx, member: tx.staff.remove(member.id))


def set_staff_roles(realm: Realm, username: str, roles: Iterable[StaffRole]) -> StaffMember:
    """Give a member these roles and no others, from the next request on; Refused `unknown_staff`, `no_role`."""
    given = _some(roles)
    details = (("roles", _words(given)),)
    _change(
        realm, username, AuditKind.STAFF_ROLES_CHANGED, lambda tx, member: tx.staff.set_roles(member.id, given), details
    )
    return need_staff(realm, username)


def reset_staff_password(realm: Realm, username: str, password: str) -> StaffMember:
    """A new password; every session ends. Refused: `unknown_staff`, `weak_password`."""
    password_rules.check(realm.known_passwords, password, normal_username(username))
    encoded = realm.passwords.hash(password)

    def change(tx: Transaction, member: StaffMember) -> bool:
        changed = tx.staff.set_password(member.id, encoded)
        tx.staff_sessions.end_all(member.id)
        tx.attempts.clear(b"staff-password:" + member.name_index)
        return changed

    return _change(realm, username, AuditKind.STAFF_PASSWORD_RESET, change)


def reset_staff_factor(realm: Realm, username: str) -> StaffMember:
    """Forget a member's second factor: telephone lost. It is set up anew at the next sign-in, within three days.

    Every session ends. Refused `unknown_staff`.
    """
    until = realm.clock.now() + ENROLMENT_SECONDS

    def change(tx: Transaction, member: StaffMember) -> bool:
        tx.attempts.clear(b"staff-factor:" + member.id)
        return tx.staff.reopen_enrolment(member.id, until)

    return _change(realm, username, AuditKind.STAFF_FACTOR_RESET, change)


def need_staff(realm: Realm, username: str) -> StaffMember:
    """The member of a name; Refused `unknown_staff`."""
    index = staff_index(realm, normal_username(username))
    member = realm.store.read(lambda tx: tx.staff.by_name(index))
    if member is None:
        raise Refused("unknown_staff", "no such member of staff")
    return member


def _change(
    realm: Realm,
    username: str,
    kind: AuditKind,
    change: Callable[[Transaction, StaffMember], bool],
    details: tuple[tuple[str, str], ...] = (),
) -> StaffMember:
    now, found = realm.clock.now(), need_staff(realm, username)

    def unit(tx: Transaction) -> StaffMember:
        member = tx.staff.get(found.id)
        if member is None or not change(tx, member):
            raise Refused("unknown_staff", "no such member of staff")
        tx.audit.append(_event(now, kind, member, details))
        return member

    return realm.store.write(unit, found.id)


def _event(now: int, kind: AuditKind, member: StaffMember, details: tuple[tuple[str, str], ...]) -> AuditEvent:
    return AuditEvent(new_id(now), now, kind, None, None, member.id.hex(), details)


def _some(roles: Iterable[StaffRole]) -> frozenset[StaffRole]:
    given = frozenset(roles)
    if not given:
        raise Refused("no_role", "a member of staff has at least one role")
    return given


def _words(roles: frozenset[StaffRole]) -> str:
    return " ".join(sorted(role.value for role in roles))
