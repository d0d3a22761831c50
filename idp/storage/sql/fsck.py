"""Invariants of the database, proven by looking at all of it (threats, section 0.1); runs on a live database.

What stands behind each is in `invariants/`; docs/operations.md has the table of what is checked where.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from idp.domain.age_token import QUOTA
from idp.storage.sql.audit_verify import verify_audit
from idp.storage.sql.door.transaction import DOOR
from idp.storage.sql.invariants import grants, keys, once, people, retention, sealed, separation
from idp.storage.sql.store import SqlStore
from idp.storage.sql.transaction import SqlTransaction


@dataclass(frozen=True, slots=True)
class Invariant:
    """One rule and how often it is broken."""

    name: str
    rule: str
    violations: int


def check_invariants(store: SqlStore, now: int, consent_age: int, quota: int = QUOTA) -> list[Invariant]:
    """Every invariant, each with its count of violations; 0 everywhere on a sound database of either kind.

    `now` in epoch seconds; `consent_age`: below it a guardian agrees for a child (years); `quota`: age tokens of an
    account in an epoch. All but the audit trail, which is read after it, is seen at one moment.
    """

    def look(tx: SqlTransaction) -> list[Invariant]:
        if store.layout is DOOR:
            return list(_of_door(store, tx, now))
        return list(_of_account(store, tx, now, consent_age, quota))

    found = store.read(look, snapshot=True)
    found.append(Invariant("I4", "the audit trail verifies", len(verify_audit(store))))
    return sorted(found, key=lambda item: int(item.name[1:]))


def _of_account(
    store: SqlStore, tx: SqlTransaction, now: int, consent_age: int, quota: int
) -> Iterator[Invariant]:
    run, sealing = tx.run, store.sealing
    seen = people.look_at_people(run, sealing, now, consent_age)
    yield Invariant(
        "I1", "a code gives one grant, and so does a device's", once.not_unique(run, *once.CODES)
        + once.devices_with_nothing(run),
    )  # fmt: skip
    yield Invariant("I2", "each refresh family is one chain with one live leaf", grants.broken_chains(run))
    yield Invariant(
        "I3", "each consent has exactly one audit row, and each such row its consent", grants.unpaired_consents(run)
    )
    yield Invariant(
        "I5", "no account has had more tokens in an epoch than its quota",
        grants.over_quota(run, quota) + once.not_unique(run, *once.ALLOWANCE),
    )  # fmt: skip
    yield Invariant("I6", "a one-time value is used once", once.not_unique(run, *once.ONE_TIME_VALUES))
    yield Invariant(
        "I7", "no live grant without its account, its consent, or a child's guardian",
        grants.unsupported(run, now) + seen.grants_of_wards,
    )  # fmt: skip
    yield Invariant(
        "I8", "nothing of a deleted account can be read, and each living one has its data key",
        people.left_behind(run) + seen.keyless + seen.indexes,
    )  # fmt: skip
    yield Invariant(
        "I9", "no table joins account, app and anonymous token", separation.joins_at_account_issuer(run)
    )
    yield Invariant("I10", "expired rows are gone within a day", retention.kept_too_long(run, now))
    yield Invariant("I11", "secrets are sealed or hashed", sealed.unsealed(run, sealing) + seen.unreadable)
    yield Invariant(
        "I12", "every key is in a legal state with legal dates, one active for each algorithm",
        keys.illegal_signing_keys(run, now) + keys.illegal_token_keys(run),
    )  # fmt: skip


def _of_door(store: SqlStore, tx: SqlTransaction, now: int) -> Iterator[Invariant]:
    run = tx.run
    yield Invariant("I1", "a code gives one grant", once.not_unique(run, *once.CODES_AT_DOOR))
    yield Invariant(
        "I6", "a token is spent once, and every request was answered for a token that is spent",
        once.not_unique(run, *once.TOKENS_AT_DOOR) + once.tokens_that_answered_twice(run),
    )  # fmt: skip
    yield Invariant("I9", "no column for an account, nothing beside a spent token", separation.joins_at_door(run))
    yield Invariant("I10", "expired rows are gone within a day", retention.kept_too_long_at_door(run, now))
    yield Invariant("I11", "secrets are sealed or hashed", sealed.unsealed_at_door(run, store.sealing))
    yield Invariant(
        "I12", "every key is in a legal state with legal dates, one active for each algorithm",
        keys.illegal_signing_keys(run, now),
    )  # fmt: skip
