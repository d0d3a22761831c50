"""Staff: members, their sessions and passkeys. What names somebody or proves who they are lies under the ring."""

from collections.abc import Sequence

from sqlalchemy import bindparam as param
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from crypto.encoding import lp, lp_split
from idp.domain.errors import Conflict
from idp.domain.staff import Factor, StaffMember, StaffPasskey, StaffRole, StaffSession
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import staff, staff_passkeys, staff_sessions

_MEMBER = ("id", "name_index", "roles", "name", "password", "totp", "totp_step", "enrol_until", "created_at")
_ADD = Statement(insert_new(staff).values({one: param(one) for one in _MEMBER}).on_conflict_do_nothing(), *_MEMBER)
_ALL = select(*(staff.c[one] for one in _MEMBER))
_GET = Statement(_ALL.where(staff.c.id == param("id")), "id")
_GET_LOCKED = Statement(_ALL.where(staff.c.id == param("id")).with_for_update(), "id")
_BY_NAME = Statement(_ALL.where(staff.c.name_index == param("index")), "index")
_EVERYBODY = Statement(_ALL.order_by(staff.c.id))
_SET = {
    one: Statement(update(staff).where(staff.c.id == param("member")).values({one: param("value")}), "member", "value")
    for one in ("password", "roles")
}
_ENROL = Statement(
    update(staff).where(staff.c.id == param("member"), staff.c.enrol_until > param("now"))
    .values(totp=param("secret"), totp_step=param("step"), enrol_until=0),
    "member", "now", "secret", "step",
)
_USE_STEP = Statement(
    update(staff).where(staff.c.id == param("member"), staff.c.totp_step < param("step"))
    .values(totp_step=param("step")),
    "member", "step",
)
_REOPEN = Statement(
    update(staff).where(staff.c.id == param("member")).values(totp=param("nothing"), enrol_until=param("until")),
    "member", "nothing", "until",
)
_REMOVE = Statement(delete(staff).where(staff.c.id == param("id")), "id")

_SESSION = ("id", "staff_id", "factor", "created_at", "seen_at", "expires_at")
_ADD_SESSION = Statement(
    insert_new(staff_sessions).values({one: param(one) for one in _SESSION}).on_conflict_do_nothing(), *_SESSION
)
_GET_SESSION = Statement(
    select(*(staff_sessions.c[one] for one in _SESSION)).where(staff_sessions.c.id == param("id")), "id"
)
_CLAIM_HALF = Statement(
    delete(staff_sessions).where(staff_sessions.c.id == param("id"), staff_sessions.c.factor.is_(None)), "id"
)
_TOUCH = Statement(
    update(staff_sessions).where(staff_sessions.c.id == param("session"), staff_sessions.c.seen_at < param("now"))
    .values(seen_at=param("now")),
    "session", "now",
)
_END = Statement(delete(staff_sessions).where(staff_sessions.c.id == param("id")), "id")
_END_ALL = Statement(delete(staff_sessions).where(staff_sessions.c.staff_id == param("id")), "id")

_PASSKEY = ("id", "staff_id", "sealed", "sign_count", "created_at")
_P = staff_passkeys.c
_ADD_PASSKEY = Statement(
    insert_new(staff_passkeys).values({one: param(one) for one in _PASSKEY}).on_conflict_do_nothing(), *_PASSKEY
)
_OF_MEMBER = Statement(
    select(*(_P[one] for one in _PASSKEY)).where(_P.staff_id == param("member")).order_by(_P.created_at, _P.id),
    "member",
)
# Two statements, because an authenticator that does not count says 0 for ever.
_ADVANCE = Statement(
    update(staff_passkeys).where(_P.id == param("passkey"), _P.sign_count < param("count"))
    .values(sign_count=param("count")),
    "passkey", "count",
)
_USE_UNCOUNTED = Statement(
    update(staff_passkeys).where(_P.id == param("passkey"), _P.sign_count == 0).values(sign_count=0), "passkey"
)
_REMOVE_PASSKEY = Statement(
    delete(staff_passkeys).where(_P.staff_id == param("member"), _P.id == param("passkey")), "member", "passkey"
)
_REMOVE_PASSKEYS = Statement(delete(staff_passkeys).where(_P.staff_id == param("member")), "member")


class SqlStaff:
    """Implements `idp.domain.ports.Staff`."""

    def __init__(self, run: Runner, sealing: ColumnSealing) -> None:
        self._run = run
        self._sealing = sealing

    def add(self, member: StaffMember) -> None:
        sealing = self._sealing
        added = self._run.change(
            _ADD, member.id, member.name_index, _role_words(member.roles),
            sealing.staff_name.seal(member.id, member.name.encode()),
            sealing.staff_password.seal(member.id, member.password_hash.encode()),
            sealing.staff_totp.seal(member.id, member.totp_secret or b""), 0, member.enrol_until, member.created_at,
        )
        if not added:
            raise Conflict("the name is taken")

    def get(self, staff_id: bytes) -> StaffMember | None:
        row = self._run.one(_GET_LOCKED if self._run.for_write else _GET, staff_id)
        return self._opened(row) if row else None

    def by_name(self, name_index: bytes) -> StaffMember | None:
        row = self._run.one(_BY_NAME, name_index)
        return self._opened(row) if row else None

    def all(self) -> Sequence[StaffMember]:
        return [self._opened(row) for row in self._run.rows(_EVERYBODY)]

    def set_password(self, staff_id: bytes, password_hash: str) -> bool:
        sealed = self._sealing.staff_password.seal(staff_id, password_hash.encode())
        return self._run.change(_SET["password"], staff_id, sealed) == 1

    def set_roles(self, staff_id: bytes, roles: frozenset[StaffRole]) -> bool:
        return self._run.change(_SET["roles"], staff_id, _role_words(roles)) == 1

    def claim_enrolment(self, staff_id: bytes, secret: bytes, step: int, now: int) -> bool:
        sealed = self._sealing.staff_totp.seal(staff_id, secret)
        return self._run.change(_ENROL, staff_id, now, sealed, step) == 1

    def claim_totp_step(self, staff_id: bytes, step: int) -> bool:
        return self._run.change(_USE_STEP, staff_id, step) == 1

    def reopen_enrolment(self, staff_id: bytes, until: int) -> bool:
        reopened = self._run.change(_REOPEN, staff_id, self._sealing.staff_totp.seal(staff_id, b""), until) == 1
        # After the member's own row: a sign-in that was on its way has ended by now, and its session is seen.
        self._run.change(_END_ALL, staff_id)
        self._run.change(_REMOVE_PASSKEYS, staff_id)
        return reopened

    def remove(self, staff_id: bytes) -> bool:
        # The row first, as everywhere; the others refer to it, and go when nobody can add to them any more.
        if self._run.one(_GET_LOCKED if self._run.for_write else _GET, staff_id) is None:
            return False
        self._run.change(_END_ALL, staff_id)
        self._run.change(_REMOVE_PASSKEYS, staff_id)
        return self._run.change(_REMOVE, staff_id) == 1

    def _opened(self, row: Row) -> StaffMember:
        row_id, name_index, roles, name, password, totp, _, enrol_until, created_at = row
        sealing = self._sealing
        return StaffMember(
            id=row_id,
            name=sealing.staff_name.open(row_id, name).decode(),
            name_index=name_index,
            password_hash=sealing.staff_password.open(row_id, password).decode(),
            roles=frozenset(map(StaffRole, roles.split())),
            created_at=created_at,
            enrol_until=enrol_until,
            totp_secret=sealing.staff_totp.open(row_id, totp) or None,
        )


class SqlStaffSessions:
    """Implements `idp.domain.ports.StaffSessions`."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def add(self, session: StaffSession) -> None:
        factor = session.factor.value if session.factor is not None else None
        added = self._run.change(
            _ADD_SESSION, session.id, session.staff_id, factor, session.created_at, session.seen_at, session.expires_at
        )
        if not added:
            raise Conflict("the session exists")

    def get(self, session_id: bytes) -> StaffSession | None:
        row = self._run.one(_GET_SESSION, session_id)
        if row is None:
            return None
        row_id, staff_id, factor, created_at, seen_at, expires_at = row
        return StaffSession(row_id, staff_id, Factor(factor) if factor else None, created_at, seen_at, expires_at)

    def claim_half(self, session_id: bytes) -> bool:
        return self._run.change(_CLAIM_HALF, session_id) == 1

    def touch(self, session_id: bytes, now: int) -> None:
        self._run.change(_TOUCH, session_id, now)

    def end(self, session_id: bytes) -> bool:
        return self._run.change(_END, session_id) == 1

    def end_all(self, staff_id: bytes) -> int:
        return self._run.change(_END_ALL, staff_id)


class SqlStaffPasskeys:
    """Implements `idp.domain.ports.StaffPasskeys`."""

    def __init__(self, run: Runner, sealing: ColumnSealing) -> None:
        self._run = run
        self._sealing = sealing

    def add(self, passkey: StaffPasskey) -> None:
        sealed = self._sealing.staff_passkey.seal(passkey.id, lp(passkey.credential_id, passkey.public_key))
        if not self._run.change(
            _ADD_PASSKEY, passkey.id, passkey.staff_id, sealed, passkey.sign_count, passkey.created_at
        ):
            raise Conflict("the passkey exists")

    def of_member(self, staff_id: bytes) -> Sequence[StaffPasskey]:
        return [self._opened(row) for row in self._run.rows(_OF_MEMBER, staff_id)]

    def claim_use(self, passkey_id: bytes, sign_count: int) -> bool:
        if sign_count == 0:
            return self._run.change(_USE_UNCOUNTED, passkey_id) == 1
        return self._run.change(_ADVANCE, passkey_id, sign_count) == 1

    def remove(self, staff_id: bytes, passkey_id: bytes) -> bool:
        return self._run.change(_REMOVE_PASSKEY, staff_id, passkey_id) == 1

    def _opened(self, row: Row) -> StaffPasskey:
        row_id, staff_id, sealed, sign_count, created_at = row
        credential_id, public_key = lp_split(self._sealing.staff_passkey.open(row_id, sealed), 2)
        return StaffPasskey(row_id, staff_id, credential_id, public_key, sign_count, created_at)


def _role_words(roles: frozenset[StaffRole]) -> str:
    return " ".join(sorted(role.value for role in roles))
