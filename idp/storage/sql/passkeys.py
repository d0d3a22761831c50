"""Passkeys. What would join a person to a device is sealed under the account's data key."""

from collections.abc import Sequence

from sqlalchemy import bindparam as param
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from crypto.encoding import lp, lp_split
from idp.domain.errors import Conflict
from idp.domain.passkey import Passkey
from idp.storage.sql.accounts import SqlAccounts
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import account_keys, passkeys

_T = passkeys.c
_COLUMNS = ("id", "account_id", "sealed", "sign_count", "created_at")
_ADD = Statement(
    insert_new(passkeys).values({name: param(name) for name in _COLUMNS}).on_conflict_do_nothing(), *_COLUMNS
)
_ALL = select(*(_T[name] for name in _COLUMNS), account_keys.c.wrapped).join(
    account_keys, account_keys.c.account_id == _T.account_id
)
_GET = Statement(_ALL.where(_T.id == param("id")), "id")
_OF_ACCOUNT = Statement(
    _ALL.where(_T.account_id == param("account")).order_by(_T.created_at, _T.id), "account"
)
# Two statements, because an authenticator that does not count says 0 for ever.
_ADVANCE = Statement(
    update(passkeys).where(_T.id == param("passkey"), _T.sign_count < param("count")).values(sign_count=param("count")),
    "passkey", "count",
)
_USE_UNCOUNTED = Statement(
    update(passkeys).where(_T.id == param("passkey"), _T.sign_count == 0).values(sign_count=0), "passkey"
)
_REMOVE = Statement(
    delete(passkeys).where(_T.account_id == param("account"), _T.id == param("passkey")), "account", "passkey"
)


class SqlPasskeys:
    """Implements `idp.domain.ports.Passkeys`."""

    def __init__(self, run: Runner, sealing: ColumnSealing, accounts: SqlAccounts) -> None:
        self._run = run
        self._sealing = sealing
        self._accounts = accounts

    def add(self, passkey: Passkey) -> None:
        key = self._accounts.data_key(passkey.account_id)
        if key is None:
            raise Conflict("the account is gone")
        content = lp(passkey.credential_id, passkey.public_key, passkey.user_handle)
        sealed = self._sealing.passkey.seal(key, passkey.id, content)
        if not self._run.change(
            _ADD, passkey.id, passkey.account_id, sealed, passkey.sign_count, passkey.created_at
        ):
            raise Conflict("the passkey exists")

    def get(self, passkey_id: bytes) -> Passkey | None:
        row = self._run.one(_GET, passkey_id)
        return self._opened(row) if row else None

    def of_account(self, account_id: bytes) -> Sequence[Passkey]:
        return [self._opened(row) for row in self._run.rows(_OF_ACCOUNT, account_id)]

    def claim_use(self, passkey_id: bytes, sign_count: int) -> bool:
        if sign_count == 0:
            return self._run.change(_USE_UNCOUNTED, passkey_id) == 1
        return self._run.change(_ADVANCE, passkey_id, sign_count) == 1

    def remove(self, account_id: bytes, passkey_id: bytes) -> bool:
        return self._run.change(_REMOVE, account_id, passkey_id) == 1

    def _opened(self, row: Row) -> Passkey:
        row_id, account_id, sealed, sign_count, created_at, wrapped = row
        key = self._sealing.data_key(account_id, wrapped)
        credential_id, public_key, user_handle = lp_split(self._sealing.passkey.open(key, row_id, sealed), 3)
        return Passkey(row_id, account_id, credential_id, public_key, user_handle, sign_count, created_at)
