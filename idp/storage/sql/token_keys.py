"""Keys of age tokens with their public log, and the allowance of each account."""

from collections.abc import Sequence

from sqlalchemy import bindparam as param
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.age import Band
from idp.domain.age_token import KeyRole, TokenKey, revoke_leaf
from idp.storage.sql.runner import Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import token_allowance, token_keys, token_log, token_log_notes

_COLUMNS = ("key_id", "band", "epoch", "role", "spki", "sealed", "not_before")
_ADD = Statement(
    insert_new(token_keys).values({name: param(name) for name in _COLUMNS}).on_conflict_do_nothing(), *_COLUMNS
)
_ALL = Statement(
    select(*(token_keys.c[name] for name in (*_COLUMNS, "revoked_at"))).order_by(
        token_keys.c.epoch, token_keys.c.band, token_keys.c.role
    )
)
_REVOKE = Statement(
    update(token_keys)
    .where(token_keys.c.key_id == param("key"), token_keys.c.revoked_at.is_(None))
    .values(revoked_at=param("now")),
    "key", "now",
)
_SIZE = Statement(select(func.count()).select_from(token_log))
_APPEND = Statement(insert_new(token_log).values(position=param("position"), leaf=param("leaf")), "position", "leaf")
_LEAVES = Statement(select(token_log.c.leaf).order_by(token_log.c.position))
_NOTE = Statement(select(token_log_notes.c.note).where(token_log_notes.c.size == param("size")), "size")
_NOTES = Statement(select(token_log_notes.c.size, token_log_notes.c.note).order_by(token_log_notes.c.size))
_DROP_NOTE = Statement(delete(token_log_notes).where(token_log_notes.c.size == param("size")), "size")
_KEEP_NOTE = Statement(insert_new(token_log_notes).values(size=param("size"), note=param("note")), "size", "note")

_NEW_ALLOWANCE = insert_new(token_allowance).values(
    account_id=param("account"), epoch=param("epoch"), used=param("count")
)
# One statement: the first charge inserts, later ones add, and none passes the quota. A first charge above the
# quota is refused before it gets here.
_CHARGE = Statement(
    _NEW_ALLOWANCE.on_conflict_do_update(
        index_elements=[token_allowance.c.account_id, token_allowance.c.epoch],
        set_={"used": token_allowance.c.used + _NEW_ALLOWANCE.excluded.used},
        where=token_allowance.c.used + _NEW_ALLOWANCE.excluded.used <= param("quota"),
    ),
    "account", "epoch", "count", "quota",
)
_USED = Statement(
    select(token_allowance.c.used).where(
        token_allowance.c.account_id == param("account"), token_allowance.c.epoch == param("epoch")
    ),
    "account", "epoch",
)


class SqlTokenKeys:
    """Implements `idp.domain.ports.TokenKeys`."""

    def __init__(self, run: Runner, sealing: ColumnSealing, log: "SqlTokenLog") -> None:
        self._run = run
        self._sealed = sealing.token_key
        self._log = log

    def all(self) -> Sequence[TokenKey]:
        return [
            TokenKey(
                bytes(key_id), Band(band), epoch, KeyRole(role), bytes(spki),
                self._sealed.open(bytes(key_id), sealed), not_before, revoked_at,
            )
            for key_id, band, epoch, role, spki, sealed, not_before, revoked_at in self._run.rows(_ALL)
        ]  # fmt: skip

    def claim(self, key: TokenKey) -> bool:
        sealed = self._sealed.seal(key.key_id, key.private_der)
        fields = (key.key_id, key.band.value, key.epoch, key.role.value, key.spki, sealed, key.not_before)
        if self._run.change(_ADD, *fields) != 1:
            return False
        self._log.append(key.leaf())
        return True

    def revoke(self, key_id: bytes, now: int) -> bool:
        if self._run.change(_REVOKE, key_id, now) != 1:
            return False
        self._log.append(revoke_leaf(key_id, now))
        return True


class SqlTokenLog:
    """Implements `idp.domain.ports.TokenLog`."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def append(self, leaf: bytes) -> int:
        # Two writers that count alike meet at the primary key: one of them is told Conflict, and tries again.
        row = self._run.one(_SIZE)
        position = int(row[0]) if row else 0
        self._run.change(_APPEND, position, leaf)
        return position

    def leaves(self) -> Sequence[bytes]:
        return [bytes(row[0]) for row in self._run.rows(_LEAVES)]

    def note(self, size: int) -> str | None:
        row = self._run.one(_NOTE, size)
        return row[0] if row else None

    def notes(self) -> Sequence[tuple[int, str]]:
        return [(size, note) for size, note in self._run.rows(_NOTES)]

    def keep_note(self, size: int, note: str) -> None:
        self._run.change(_DROP_NOTE, size)
        self._run.change(_KEEP_NOTE, size, note)


class SqlAllowance:
    """Implements `idp.domain.ports.Allowance`."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def charge(self, account_id: bytes, epoch: int, count: int, quota: int) -> bool:
        return count <= quota and self._run.change(_CHARGE, account_id, epoch, count, quota) == 1

    def used(self, account_id: bytes, epoch: int) -> int:
        row = self._run.one(_USED, account_id, epoch)
        return int(row[0]) if row else 0
