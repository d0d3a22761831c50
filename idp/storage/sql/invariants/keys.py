"""I12: every key is in a state of its life, with the dates that lead there; every token key is in the public log."""

from hashlib import sha256

from sqlalchemy import select

from idp.domain.age import Band
from idp.domain.age_token import KeyRole, TokenKey, epoch_start, revoke_leaf
from idp.domain.signing_key import JWKS_MAX_AGE, LONGEST_TOKEN, KeyState
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import signing_keys, token_keys, token_log

FUTURE_SECONDS = 3600
"""How far ahead of ours the clock of the node that wrote a date may have been."""

_SIGNING_KEYS = Statement(
    select(
        signing_keys.c.alg, signing_keys.c.state, signing_keys.c.created_at,
        signing_keys.c.activated_at, signing_keys.c.retiring_at, signing_keys.c.retired_at,
    )
)
# How many of the four dates a state has.
_DATES = {KeyState.NEXT: 1, KeyState.ACTIVE: 2, KeyState.RETIRING: 3, KeyState.RETIRED: 4}
_TOKEN_KEYS = Statement(
    select(
        token_keys.c.key_id, token_keys.c.band, token_keys.c.epoch, token_keys.c.role, token_keys.c.spki,
        token_keys.c.not_before, token_keys.c.revoked_at,
    )
)
_LOG = Statement(select(token_log.c.position, token_log.c.leaf).order_by(token_log.c.position))


def illegal_signing_keys(run: Runner, now: int) -> int:
    """Keys in no legal state, and algorithms without exactly one active key."""
    broken = 0
    active: dict[str, int] = {}
    for alg, state, *dates in run.rows(_SIGNING_KEYS):
        broken += not _legal(state, dates, now)
        active[alg] = active.get(alg, 0) + (state == KeyState.ACTIVE.value)
    return broken + sum(count != 1 for count in active.values())


def illegal_token_keys(run: Runner) -> int:
    """Keys of age tokens that are not what they are called, sign outside their epoch, or are not in the log as they
    are; and gaps of the log.
    """
    rows = run.rows(_LOG)
    gaps: int = sum(position != number for number, (position, _) in enumerate(rows))
    log = {bytes(leaf) for _, leaf in rows}
    return gaps + sum(not _logged(TokenKey(*_token_key(row)), log) for row in run.rows(_TOKEN_KEYS))


def _legal(state: str, dates: list[int | None], now: int) -> bool:
    if state not in _DATES:
        return False
    reached = [moment for moment in dates if moment is not None]
    if reached != dates[: _DATES[KeyState(state)]] or reached != sorted(reached) or reached[-1] > now + FUTURE_SECONDS:
        return False
    created, activated, retiring, retired = dates
    # The first key of an issuer signs at once: nobody can have cached anything.
    early = activated is not None and created is not None and created < activated < created + JWKS_MAX_AGE
    soon = retired is not None and retiring is not None and retired < retiring + LONGEST_TOKEN
    return not early and not soon


def _token_key(row: Row) -> tuple[bytes, Band, int, KeyRole, bytes, bytes, int, int | None]:
    key_id, band, epoch, role, spki, not_before, revoked_at = row
    return bytes(key_id), Band(band), epoch, KeyRole(role), bytes(spki), b"", not_before, revoked_at


def _logged(key: TokenKey, log: set[bytes]) -> bool:
    return (
        sha256(key.spki).digest() == key.key_id
        and epoch_start(key.epoch) <= key.not_before < key.not_after
        and key.leaf() in log
        and (key.revoked_at is None or revoke_leaf(key.key_id, key.revoked_at) in log)
    )
