"""Invariants of the database, proven by looking at all of it (threats, section 0.1); runs on a live database."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Table, and_, func, or_, select
from sqlalchemy import bindparam as param

from idp.domain.age_token import QUOTA
from idp.domain.audit_event import AuditKind
from idp.domain.signing_key import KeyState
from idp.storage.sql.audit_verify import verify_audit
from idp.storage.sql.door import tables as door_tables
from idp.storage.sql.door.transaction import DOOR
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.store import SqlStore
from idp.storage.sql.tables import (
    account_keys,
    accounts,
    attempts,
    audit_events,
    clients,
    consents,
    device_grants,
    grants,
    metadata,
    recovery_codes,
    sessions,
    signing_keys,
    spent,
    token_allowance,
)
from idp.storage.sql.transaction import SqlTransaction

RETENTION_SLACK = 86400
"""Seconds an expired row may wait for housekeeping."""

_DIGEST_BYTES = 32
_LIVE = and_(grants.c.revoked_at.is_(None), grants.c.expires_at > param("now"))
_BROKEN_CHAINS = Statement(
    select(func.count()).select_from(grants)
    .where(or_(grants.c.generation < 0, (grants.c.generation > 0) != grants.c.rotated_at.is_not(None)))
)
_GIVEN = Statement(
    select(audit_events.c.subject, audit_events.c.account_id).where(audit_events.c.kind == param("kind")), "kind"
)
_CONSENTS = Statement(select(consents.c.id))
_ACCOUNTS = Statement(select(accounts.c.id))
_ORPHANED_GRANTS = Statement(
    select(func.count()).select_from(grants)
    .outerjoin(accounts, accounts.c.id == grants.c.account_id)
    .outerjoin(consents, and_(consents.c.id == grants.c.consent_id, consents.c.withdrawn_at.is_(None)))
    .where(_LIVE, or_(accounts.c.id.is_(None), consents.c.id.is_(None))),
    "now",
)
_UNKEYED = Statement(
    select(func.count()).select_from(accounts)
    .outerjoin(account_keys, account_keys.c.account_id == accounts.c.id).where(account_keys.c.account_id.is_(None))
)
_KEYS_OF_NOBODY = Statement(
    select(func.count()).select_from(account_keys)
    .outerjoin(accounts, accounts.c.id == account_keys.c.account_id).where(accounts.c.id.is_(None))
)
_OVER_QUOTA = Statement(select(func.count()).select_from(token_allowance).where(token_allowance.c.used > QUOTA))
_UNSPENT = Statement(
    select(func.count()).select_from(door_tables.answered_requests)
    .outerjoin(door_tables.spent_tokens, door_tables.spent_tokens.c.digest == door_tables.answered_requests.c.token)
    .where(door_tables.spent_tokens.c.digest.is_(None))
)


def _expired(*tables: Table) -> tuple[Statement, ...]:
    return tuple(
        Statement(select(func.count()).select_from(table).where(table.c.expires_at < param("before")), "before")
        for table in tables
    )


_EXPIRED = _expired(sessions, spent, attempts, device_grants, recovery_codes)
_EXPIRED_AT_DOOR = _expired(
    spent, attempts, door_tables.spent_tokens, door_tables.answered_requests, door_tables.door_grants
)
_PLAIN_SECRETS = Statement(
    select(func.count()).select_from(clients)
    .where(clients.c.secret_hash.is_not(None), func.length(clients.c.secret_hash) != _DIGEST_BYTES)
)
_KEY_STATES = Statement(
    select(
        signing_keys.c.alg, signing_keys.c.state, signing_keys.c.created_at,
        signing_keys.c.activated_at, signing_keys.c.retiring_at, signing_keys.c.retired_at,
    )
)


Check = tuple[str, str, Callable[[SqlTransaction], int]]
"""An invariant's name, its rule, and how to count what breaks it."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """One rule and how often it is broken."""

    name: str
    rule: str
    violations: int


def check_invariants(store: SqlStore, now: int) -> list[Invariant]:
    """Every invariant, each with its count of violations; 0 everywhere on a sound database of either kind."""
    checks = _checks_of_door(now) if store.layout is DOOR else _checks_of_account(now)
    found = [Invariant(name, rule, store.read(check, snapshot=True)) for name, rule, check in checks]
    found.append(Invariant("I4", "the audit trail verifies", len(verify_audit(store))))
    return sorted(found, key=lambda item: int(item.name[1:]))


def _checks_of_account(now: int) -> tuple[Check, ...]:
    return (
        ("I2", "each refresh family is one chain with one live leaf", lambda tx: _count(tx.run, _BROKEN_CHAINS)),
        ("I3", "each consent has exactly one audit row, and each such row its consent", _unpaired_consents),
        ("I5", "no account has had more tokens in an epoch than its quota", lambda tx: _count(tx.run, _OVER_QUOTA)),
        ("I7", "no live grant without account or consent", lambda tx: _count(tx.run, _ORPHANED_GRANTS, now)),
        ("I8", "no account without its data key, no data key without its account", _shredding),
        ("I9", "no table joins account, client and anonymous token", lambda tx: _joining_tables()),
        *_checks_of_both(_EXPIRED, now),
    )


def _checks_of_door(now: int) -> tuple[Check, ...]:
    return (
        ("I6", "every request was answered for a token that is spent", lambda tx: _count(tx.run, _UNSPENT)),
        ("I9", "no table has a column for an account", lambda tx: _columns_of_people()),
        *_checks_of_both(_EXPIRED_AT_DOOR, now),
    )


def _checks_of_both(expired: Sequence[Statement], now: int) -> tuple[Check, ...]:
    before = now - RETENTION_SLACK
    return (
        ("I10", "expired rows are gone within a day", lambda tx: sum(_count(tx.run, one, before) for one in expired)),
        ("I11", "client secrets are digests", lambda tx: _count(tx.run, _PLAIN_SECRETS)),
        ("I12", "every signing key is in a legal state, one active for each algorithm", _illegal_keys),
    )


def _count(run: Runner, statement: Statement, *parameters: object) -> int:
    row = run.one(statement, *parameters)
    return int(row[0]) if row else 0


def _unpaired_consents(tx: SqlTransaction) -> int:
    given = tx.run.rows(_GIVEN, AuditKind.CONSENT_GIVEN.value)
    rows = Counter(subject for subject, _ in given)
    kept = {bytes(row[0]).hex() for row in tx.run.rows(_CONSENTS)}
    living = {bytes(row[0]) for row in tx.run.rows(_ACCOUNTS)}
    unaudited = sum(1 for consent in kept if rows[consent] != 1)
    # Deleting an account takes its consents and leaves the audit rows, unreadable.
    lost = sum(1 for subject, account in given if subject not in kept and bytes(account) in living)
    return unaudited + lost


def _shredding(tx: SqlTransaction) -> int:
    return _count(tx.run, _UNKEYED) + _count(tx.run, _KEYS_OF_NOBODY)


def _joining_tables() -> int:
    """Tables that hold an account beside anything of an anonymous token; none may exist."""
    return sum(
        1
        for table in metadata.tables.values()
        if "account_id" in table.c and any(name.startswith(("token_", "nonce", "blinded")) for name in table.c.keys())
    )


def _columns_of_people() -> int:
    return sum(1 for table in door_tables.metadata.tables.values() if "account_id" in table.c)


def _illegal_keys(tx: SqlTransaction) -> int:
    broken = 0
    active: dict[str, int] = {}
    for alg, state, created_at, activated_at, retiring_at, retired_at in tx.run.rows(_KEY_STATES):
        reached = [created_at, activated_at, retiring_at, retired_at]
        needed = {KeyState.NEXT: 1, KeyState.ACTIVE: 2, KeyState.RETIRING: 3, KeyState.RETIRED: 4}[KeyState(state)]
        dates = [moment for moment in reached if moment is not None]
        broken += len(dates) != needed or dates != sorted(dates)
        active[alg] = active.get(alg, 0) + (state == KeyState.ACTIVE.value)
    return broken + sum(1 for count in active.values() if count != 1)
