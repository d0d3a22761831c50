"""What staff look at: each look is in the audit trail, on disk, before anything is read for it (threats E02)."""

from dataclasses import dataclass

from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.domain.staff import LOOKS_PER_DAY, LookReason, case_number
from idp.services.evidence import describe
from idp.services.realm import Realm
from idp.services.sign_in import index_or_decoy
from idp.services.staff_sign_in import OnDuty

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Record:
    """What an officer sees of an account: no birth date, which nobody has; no app by name; no other person.

    `age` as `services.evidence.describe`, None without evidence; `created_at` epoch seconds.
    """

    username: str
    state: str
    created_at: int
    age: dict[str, str | None] | None
    apps: int
    guardians: int
    children: int


def note_look(realm: Realm, duty: OnDuty, page: str) -> None:
    """Write down that a member looks at a page, before it is shown. Unavailable: then it is not shown."""
    now = realm.clock.now()
    event = AuditEvent(
        new_id(now), now, AuditKind.STAFF_READ, None, None, duty.member.id.hex(), (("page", page),)
    )
    realm.store.write(lambda tx: tx.audit.append(event), duty.member.id)


def look_at_record(realm: Realm, duty: OnDuty, username: str, reason: LookReason, case: str) -> Record | None:
    """One account as an officer may see it; None when there is none, which is in the trail as well.

    The row is committed by a transaction of its own: when that fails, nothing was read. It belongs to the account, so
    that its person can be shown it. Refused: `bad_case`, `too_many_looks` (50 in a day). Unavailable when it cannot be
    written.
    """
    now = realm.clock.now()
    index, number = index_or_decoy(realm, username), case_number(case)
    counter, window = b"staff-looks:" + duty.member.id, now - now % _DAY

    def note(tx: Transaction) -> tuple[bool, bytes | None]:
        if tx.attempts.add(counter, window, window + 2 * _DAY) > LOOKS_PER_DAY:
            tx.attempts.take_back(counter, window)
            return False, None
        account_id = tx.accounts.id_of(index)
        details = (("reason", reason.value), ("case", number))
        tx.audit.append(
            AuditEvent(new_id(now), now, AuditKind.STAFF_READ, account_id, None, duty.member.id.hex(), details)
        )
        return True, account_id

    within, account_id = realm.store.write(note, duty.member.id)
    if not within:
        raise Refused("too_many_looks", f"an officer looks at no more than {LOOKS_PER_DAY} records in a day")
    return None if account_id is None else realm.store.read(lambda tx: _record(realm, tx, account_id))


def _record(realm: Realm, tx: Transaction, account_id: bytes) -> Record | None:
    account = tx.accounts.get(account_id)
    if account is None:
        return None
    living = [consent for consent in tx.consents.of_account(account_id) if consent.withdrawn_at is None]
    return Record(
        username=account.username,
        state=account.state.value,
        created_at=account.created_at,
        age=describe(realm, account.age) if account.age is not None else None,
        apps=len({consent.client_id for consent in living}),
        guardians=len(account.guardians),
        children=len(account.children),
    )
