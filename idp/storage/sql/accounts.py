"""Accounts: one row, one data key. Everything personal in the row is sealed under that key."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import bindparam as param
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from crypto.encoding import lp, lp_split
from idp.domain.account import Account, AccountState, AgeRecord, parse_age_record
from idp.domain.errors import Conflict
from idp.domain.identifiers import ID_BYTES
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import (
    account_keys,
    accounts,
    consents,
    dedup_indexes,
    device_grants,
    grants,
    passkeys,
    recovery_codes,
    sessions,
    token_allowance,
)

_INDEX_BYTES = 32
# The nonce of the sealed column is drawn anew at every change, so its front tells two records apart.
AGE_VERSION_BYTES = 16
_COLUMNS = ("id", "username_index", "state", "tester", "created_at", "profile", "password", "age", "dedup", "links")

_ADD = Statement(
    insert_new(accounts).values({name: param(name) for name in _COLUMNS}).on_conflict_do_nothing(), *_COLUMNS
)
_ADD_KEY = Statement(
    insert(account_keys).values(account_id=param("account"), wrapped=param("wrapped")), "account", "wrapped"
)
_ALL = select(*(accounts.c[name] for name in _COLUMNS), account_keys.c.wrapped).join(account_keys)
_GET = Statement(_ALL.where(accounts.c.id == param("id")), "id")
_GET_LOCKED = Statement(_ALL.where(accounts.c.id == param("id")).with_for_update(of=accounts), "id")
_BY_USERNAME = Statement(_ALL.where(accounts.c.username_index == param("index")), "index")
_ID_OF = Statement(select(accounts.c.id).where(accounts.c.username_index == param("index")), "index")
_PAGE = Statement(
    _ALL.where(accounts.c.id > param("after")).order_by(accounts.c.id).limit(param("limit")), "after", "limit"
)
_KEY = Statement(select(account_keys.c.wrapped).where(account_keys.c.account_id == param("id")), "id")
_SET = {
    name: Statement(
        update(accounts).where(accounts.c.id == param("account")).values({name: param("value")}), "account", "value"
    )
    for name in ("state", "password", "age", "dedup", "links")
}
_DEDUP = Statement(
    select(accounts.c.dedup, account_keys.c.wrapped).join(account_keys).where(accounts.c.id == param("id"))
    .with_for_update(of=accounts),
    "id",
)
_CLAIM_INDEX = Statement(
    insert_new(dedup_indexes).values(digest=param("digest")).on_conflict_do_nothing(), "digest"
)
_FREE_INDEX = Statement(delete(dedup_indexes).where(dedup_indexes.c.digest == param("digest")), "digest")
_SHRED = Statement(delete(account_keys).where(account_keys.c.account_id == param("id")), "id")
_EMPTY_GRANTS = Statement(
    update(grants).where(grants.c.account_id == param("account")).values(sealed=param("nothing")),
    "account", "nothing",
)
# Every table with an account but `account_keys`, which goes first, `grants`, which are emptied, and the audit trail.
_OWNED = (device_grants, sessions, consents, token_allowance, recovery_codes, passkeys)
_DELETE_OWNED = [Statement(delete(table).where(table.c.account_id == param("id")), "id") for table in _OWNED]
_DELETE = Statement(delete(accounts).where(accounts.c.id == param("id")), "id")


class SqlAccounts:
    """Implements `idp.domain.ports.Accounts`."""

    def __init__(self, run: Runner, sealing: ColumnSealing) -> None:
        self._run = run
        self._sealing = sealing

    def add(self, account: Account) -> None:
        row = _sealed(self._sealing, account)
        added = self._run.change(_ADD, *row[:-1])
        if not added:
            raise Conflict("the account id or the user name exists")
        self._run.change(_ADD_KEY, account.id, row[-1])
        if account.dedup_index is not None and not self._run.change(_CLAIM_INDEX, account.dedup_index):
            raise Conflict("the de-duplication index is taken")

    def get(self, account_id: bytes) -> Account | None:
        return self._account(self._run.one(_GET_LOCKED if self._run.for_write else _GET, account_id))

    def by_username(self, username_index: bytes) -> Account | None:
        row = self._run.one(_BY_USERNAME, username_index)
        # A name that nobody has takes as long as one that somebody has.
        opened = self._opened(row or _nobody(self._sealing))
        return opened if row else None

    def id_of(self, username_index: bytes) -> bytes | None:
        row = self._run.one(_ID_OF, username_index)
        return bytes(row[0]) if row else None

    def set_password(self, account_id: bytes, password_hash: str) -> bool:
        key = self.data_key(account_id)
        if key is None:
            return False
        sealed = self._sealing.password.seal(key, account_id, password_hash.encode())
        return self._run.change(_SET["password"], account_id, sealed) == 1

    def set_state(self, account_id: bytes, state: AccountState) -> bool:
        return self._run.change(_SET["state"], account_id, state.value) == 1

    def set_age(self, account_id: bytes, age: AgeRecord) -> bool:
        key = self.data_key(account_id)
        if key is None:
            return False
        sealed = self._sealing.age.seal(key, account_id, age.serialize())
        return self._run.change(_SET["age"], account_id, sealed) == 1

    def set_links(self, account_id: bytes, guardians: tuple[bytes, ...], children: tuple[bytes, ...]) -> bool:
        key = self.data_key(account_id)
        if key is None:
            return False
        sealed = self._sealing.links.seal(key, account_id, _link_bytes(guardians, children))
        return self._run.change(_SET["links"], account_id, sealed) == 1

    def claim_dedup_index(self, account_id: bytes, index: bytes) -> bool:
        if len(index) != _INDEX_BYTES:
            raise ValueError("a de-duplication index has 32 bytes")
        found = self._run.one(_DEDUP, account_id)
        if found is None:
            return False
        key = self._sealing.data_key(account_id, found[1])
        held = self._sealing.dedup.open(key, account_id, found[0])
        if index in _pieces(held, _INDEX_BYTES):
            return True
        if not self._run.change(_CLAIM_INDEX, index):
            return False
        # Earlier indexes stay: a renewed document does not free the old one for another account.
        sealed = self._sealing.dedup.seal(key, account_id, held + index)
        return self._run.change(_SET["dedup"], account_id, sealed) == 1

    def delete(self, account_id: bytes) -> bool:
        found = self._run.one(_DEDUP, account_id)
        if found is None:
            return False
        key = self._sealing.data_key(account_id, found[1])
        indexes = _pieces(self._sealing.dedup.open(key, account_id, found[0]), _INDEX_BYTES)
        self._run.change(_SHRED, account_id)
        # Grants are under the ring, so their content must go by hand. The rows stay, or a code could work again.
        self._run.change(_EMPTY_GRANTS, account_id, b"")
        for index in indexes:
            self._run.change(_FREE_INDEX, index)
        for statement in _DELETE_OWNED:
            self._run.change(statement, account_id)
        return self._run.change(_DELETE, account_id) == 1

    def page(self, after: bytes, limit: int) -> Sequence[Account]:
        return [self._opened(row) for row in self._run.rows(_PAGE, after, limit)]

    def data_key(self, account_id: bytes) -> bytes | None:
        """The data key of an account, None when there is no such account (any more)."""
        found = self._run.one(_KEY, account_id)
        return self._sealing.data_key(account_id, found[0]) if found else None

    def _account(self, row: Row | None) -> Account | None:
        return self._opened(row) if row else None

    def _opened(self, row: Row) -> Account:
        row_id, username_index, state, tester, created_at, profile, password, age, dedup, links, wrapped = row
        sealing = self._sealing
        key = sealing.data_key(row_id, wrapped)
        username, contact, salt = lp_split(sealing.profile.open(key, row_id, profile), 3)
        guardians, children = lp_split(sealing.links.open(key, row_id, links), 2)
        indexes = _pieces(sealing.dedup.open(key, row_id, dedup), _INDEX_BYTES)
        return Account(
            id=row_id,
            username=username.decode(),
            username_index=username_index,
            password_hash=sealing.password.open(key, row_id, password).decode(),
            salt=salt,
            state=AccountState(state),
            created_at=created_at,
            age=parse_age_record(sealing.age.open(key, row_id, age)),
            age_version=age[:AGE_VERSION_BYTES],
            contact=contact.decode() or None,
            dedup_index=indexes[-1] if indexes else None,
            tester=bool(tester),
            guardians=_pieces(guardians, ID_BYTES),
            children=_pieces(children, ID_BYTES),
        )


def _sealed(sealing: ColumnSealing, account: Account) -> Row:
    """The row of a new account under a new data key: `_COLUMNS`, and that key wrapped."""
    row_id = account.id
    key, wrapped = sealing.new_data_key(row_id)
    profile = lp(account.username, account.contact or "", account.salt)
    return (
        row_id, account.username_index, account.state.value, int(account.tester), account.created_at,
        sealing.profile.seal(key, row_id, profile),
        sealing.password.seal(key, row_id, account.password_hash.encode()),
        sealing.age.seal(key, row_id, account.age.serialize() if account.age else b""),
        sealing.dedup.seal(key, row_id, account.dedup_index or b""),
        sealing.links.seal(key, row_id, _link_bytes(account.guardians, account.children)),
        wrapped,
    )


@cache
def _nobody(sealing: ColumnSealing) -> Row:
    """A row like any other that stands in no table."""
    name, password_hash, salt = "nobody-of-this-name", "x" * 97, bytes(32)
    state = AccountState.ACTIVE
    return _sealed(sealing, Account(bytes(ID_BYTES), name, bytes(_INDEX_BYTES), password_hash, salt, state, 0))


def _link_bytes(guardians: tuple[bytes, ...], children: tuple[bytes, ...]) -> bytes:
    return lp(b"".join(guardians), b"".join(children))


def _pieces(data: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(data[start : start + size] for start in range(0, len(data), size))
