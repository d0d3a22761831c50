"""Evidence of age: a birth date comes in, an age state stays, the birth date is forgotten."""

from datetime import date

from idp.domain.account import AgeRecord
from idp.domain.age import AgeState, Assurance, corrected
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.services.accounts import need_account
from idp.services.realm import Realm

METHODS = ("in_person",)


def record_evidence(realm: Realm, username: str, birthdate: date, method: str, assurance: Assurance) -> AgeRecord:
    """Record what evidence says of a person's age; returns what is kept. The birth date is written nowhere.

    A first record takes effect at once. A later one must be at least as strong; a correction takes effect on the next
    public change date, so that it shows no birthday. A child that has no guardian loses its apps. Refused:
    `unknown_method`, `weaker_evidence`, a bad birth date.
    """
    if method not in METHODS:
        raise Refused("unknown_method", "evidence methods: " + ", ".join(METHODS))
    account_id = need_account(realm, username).id
    now = realm.clock.now()
    stated = AgeState.from_birthdate(birthdate, now, realm.policy)

    def unit(tx: Transaction) -> AgeRecord:
        account = tx.accounts.get(account_id)
        if account is None:
            raise Refused("unknown_account", "the account was deleted meanwhile")
        kept = account.age
        if kept is None:
            record = AgeRecord(stated, assurance)
        elif not assurance.meets(_strongest(kept, now)):
            raise Refused("weaker_evidence", "stronger evidence is on record")
        else:
            state = corrected(kept.state, stated, assurance, now, realm.policy)
            record = AgeRecord(state, kept.assurance_at(now))
        tx.accounts.set_age(account_id, record)
        if not account.guardians and not record.state.over(realm.policy.consent_age, now):
            # What a child agreed to while nothing was known of its age was not its own to agree to.
            tx.grants.revoke_of_account(account_id, now)
            tx.device_grants.deny_of_account(account_id)
        details = (("method", method), ("assurance", assurance.value))
        tx.audit.append(
            AuditEvent(new_id(now), now, AuditKind.EVIDENCE_RECORDED, account_id, None, account_id.hex(), details)
        )
        return record

    return realm.store.write(unit, account_id)


def _strongest(kept: AgeRecord, now: int) -> Assurance:
    """The assurance new evidence must reach: what holds, or what a correction that waits will bring."""
    waiting = kept.state.correction
    return max(kept.assurance_at(now), waiting.assurance) if waiting is not None else kept.assurance_at(now)


def describe(realm: Realm, record: AgeRecord) -> dict[str, str | None]:
    """What an operator may see of a record: band, assurance, and when the band changes (ISO date or None)."""
    now = realm.clock.now()
    changes_on = record.state.band_changes_on(now)
    return {
        "band": record.state.band(now).value,
        "assurance": record.assurance_at(now).value,
        "changes_on": changes_on.isoformat() if changes_on else None,
    }
