"""I7, I8, I11: every account is opened once, and what is left of deleted ones is looked for."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, bindparam, exists, func, select

from crypto.encoding import lp_split
from crypto.errors import CryptoError
from idp.domain.account import AccountState, parse_age_record
from idp.domain.identifiers import ID_BYTES
from idp.storage.sql.invariants.walk import RowCheck
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import (
    account_keys,
    accounts,
    dedup_indexes,
    device_grants,
    grants,
    passkeys,
    recovery_codes,
    sessions,
    token_allowance,
)

_PAGE_ROWS = 500
_INDEX_BYTES = 32
_HASH = b"$argon2id$"
_PAGE = Statement(
    select(
        accounts.c.id, accounts.c.state, account_keys.c.wrapped, accounts.c.profile, accounts.c.password,
        accounts.c.age, accounts.c.dedup, accounts.c.links,
    )
    .outerjoin(account_keys, account_keys.c.account_id == accounts.c.id)
    .where(accounts.c.id > bindparam("after")).order_by(accounts.c.id).limit(bindparam("limit")),
    "after", "limit",
)
_THERE = Statement(select(accounts.c.id).where(accounts.c.id == bindparam("id")), "id")
_INDEX = Statement(select(dedup_indexes.c.digest).where(dedup_indexes.c.digest == bindparam("digest")), "digest")
_INDEXES = Statement(select(func.count()).select_from(dedup_indexes))
_LIVE_GRANTS = Statement(
    select(func.count()).select_from(grants).where(
        grants.c.account_id == bindparam("account"), grants.c.revoked_at.is_(None),
        grants.c.expires_at > bindparam("now"),
    ),
    "account", "now",
)


def _of_nobody(key: Column[object], account: Column[object]) -> RowCheck:
    return RowCheck(key, ~exists(select(accounts.c.id).where(accounts.c.id == account)))


_LEFT_BEHIND = (
    *(
        _of_nobody(table.c.account_id, table.c.account_id) for table in (account_keys, token_allowance)
    ),
    _of_nobody(sessions.c.id, sessions.c.account_id),
    _of_nobody(recovery_codes.c.digest, recovery_codes.c.account_id),
    _of_nobody(passkeys.c.id, passkeys.c.account_id),
    # Grants stay, or a code could work again; their content goes.
    RowCheck(
        grants.c.id,
        (func.length(grants.c.sealed) > 0) & ~exists(select(accounts.c.id).where(accounts.c.id == grants.c.account_id)),
    ),
    RowCheck(
        device_grants.c.id,
        device_grants.c.account_id.is_not(None)
        & ~exists(select(accounts.c.id).where(accounts.c.id == device_grants.c.account_id)),
    ),
)


@dataclass(slots=True)
class People:
    """What was found amiss. `unreadable`: a column that is not what was sealed, or a password that is no Argon2id
    hash; `keyless`: no data key; `indexes`: de-duplication indexes of no account, or gone; `grants_of_wards`: live
    grants of active children without a guardian.
    """

    unreadable: int = 0
    keyless: int = 0
    indexes: int = 0
    grants_of_wards: int = 0


def left_behind(run: Runner) -> int:
    """Rows of accounts that are not there any more: keys, sessions, codes, allowances, and grants with content."""
    return sum(check.violations(run) for check in _LEFT_BEHIND)


def look_at_people(run: Runner, sealing: ColumnSealing, now: int, consent_age: int) -> People:
    """Open every account. Below `consent_age` (years, by evidence) a guardian has to agree for a child."""
    found, held = People(), 0
    for row_id, state, wrapped, *columns in _rows(run):
        if wrapped is None:
            found.keyless += 1
            continue
        try:
            key = sealing.data_key(row_id, wrapped)
            places = (sealing.profile, sealing.password, sealing.age, sealing.dedup, sealing.links)
            _, password, age, dedup, links = (
                place.open(key, row_id, sealed) for place, sealed in zip(places, columns, strict=True)
            )
            guardians, _ = lp_split(links, 2)
        except CryptoError:
            found.unreadable += 1
            continue
        found.unreadable += not password.startswith(_HASH)
        for digest in _pieces(dedup, _INDEX_BYTES):
            known = run.one(_INDEX, digest) is not None
            held += known
            found.indexes += not known
        record = parse_age_record(age)
        child = record is not None and not record.state.over(consent_age, now)
        if child and state == AccountState.ACTIVE.value and not _anyone(run, _pieces(guardians, ID_BYTES)):
            live = run.one(_LIVE_GRANTS, row_id, now)
            found.grants_of_wards += int(live[0]) if live else 0
    indexes = run.one(_INDEXES)
    # Whose the others are stands in what could not be read.
    if not found.unreadable:
        found.indexes += (int(indexes[0]) if indexes else 0) - held
    return found


def _rows(run: Runner) -> Iterator[Row]:
    after = b""
    while page := run.rows(_PAGE, after, _PAGE_ROWS):
        yield from page
        after = page[-1][0]


def _anyone(run: Runner, account_ids: tuple[bytes, ...]) -> bool:
    return any(run.one(_THERE, account_id) is not None for account_id in account_ids)


def _pieces(data: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(data[start : start + size] for start in range(0, len(data), size))
