"""Recovery codes: digests alone. A code is used by deleting its row, so the row count says who was first."""

from collections.abc import Sequence

from sqlalchemy import bindparam as param
from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.account import AccountState
from idp.domain.errors import Conflict
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import accounts, recovery_codes

_ADD = Statement(
    insert_new(recovery_codes)
    .values(digest=param("digest"), account_id=param("account"), expires_at=param("expires_at"))
    .on_conflict_do_nothing(),
    "digest", "account", "expires_at",
)
_FORGET = Statement(delete(recovery_codes).where(recovery_codes.c.account_id == param("account")), "account")
_OWNER = select(accounts.c.id).where(accounts.c.username_index == param("index"), accounts.c.state == param("state"))
_CLAIM = Statement(
    delete(recovery_codes)
    .where(
        recovery_codes.c.digest == param("digest"),
        recovery_codes.c.account_id.in_(_OWNER),
        or_(recovery_codes.c.expires_at.is_(None), recovery_codes.c.expires_at > param("now")),
    )
    .returning(recovery_codes.c.account_id),
    "digest", "index", "state", "now",
)
_REMAINING = Statement(
    select(func.count()).select_from(recovery_codes)
    .where(recovery_codes.c.account_id == param("account"), recovery_codes.c.expires_at.is_(None)),
    "account",
)


class SqlRecoveryCodes:
    """Implements `idp.domain.ports.RecoveryCodes`."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def replace(self, account_id: bytes, digests: Sequence[bytes]) -> None:
        self._run.change(_FORGET, account_id)
        for digest in digests:
            self._add(account_id, digest, None)

    def add(self, account_id: bytes, digest: bytes, expires_at: int) -> None:
        self._add(account_id, digest, expires_at)

    def claim(self, username_index: bytes, digest: bytes, now: int) -> bytes | None:
        taken = self._run.take(_CLAIM, digest, username_index, AccountState.ACTIVE.value, now)
        return bytes(taken[0][0]) if taken else None

    def remaining(self, account_id: bytes) -> int:
        found = self._run.one(_REMAINING, account_id)
        return int(found[0]) if found else 0

    def _add(self, account_id: bytes, digest: bytes, expires_at: int | None) -> None:
        if not self._run.change(_ADD, digest, account_id, expires_at):
            raise Conflict("the recovery code exists")
