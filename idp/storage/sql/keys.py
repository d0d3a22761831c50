"""Signing keys, sealed under the ring; fixed keys, wrapped by the caller; and named values."""

from collections.abc import Sequence

from sqlalchemy import bindparam as param
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.errors import Conflict
from idp.domain.signing_key import KeyState, StoredKey
from idp.storage.sql.runner import Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import meta, signing_keys, wrapped_keys

_COLUMNS = ("kid", "alg", "sealed", "state", "created_at", "activated_at", "retiring_at", "retired_at")
_ADD = Statement(
    insert_new(signing_keys).values({name: param(name) for name in _COLUMNS}).on_conflict_do_nothing(), *_COLUMNS
)
_ALL = Statement(
    select(*(signing_keys.c[name] for name in _COLUMNS)).order_by(signing_keys.c.created_at, signing_keys.c.kid)
)
_REACHED = {KeyState.ACTIVE: "activated_at", KeyState.RETIRING: "retiring_at", KeyState.RETIRED: "retired_at"}
_MOVE = {
    becomes: Statement(
        update(signing_keys)
        .where(signing_keys.c.kid == param("key"), signing_keys.c.state == param("was"))
        .values({"state": param("becomes"), reached: param("now")}),
        "key", "was", "becomes", "now",
    )
    for becomes, reached in _REACHED.items()
}
_WRAPPED = Statement(select(wrapped_keys.c.wrapped).where(wrapped_keys.c.name == param("name")), "name")
_CLAIM_WRAPPED = Statement(
    insert_new(wrapped_keys).values(name=param("name"), wrapped=param("wrapped")).on_conflict_do_nothing(),
    "name", "wrapped",
)
_REPLACE_WRAPPED = Statement(
    update(wrapped_keys)
    .where(wrapped_keys.c.name == param("key"), wrapped_keys.c.wrapped == param("old"))
    .values(wrapped=param("new")),
    "key", "old", "new",
)
_META = Statement(select(meta.c.value).where(meta.c.name == param("name")), "name")
_CLAIM_META = Statement(
    insert_new(meta).values(name=param("name"), value=param("value")).on_conflict_do_nothing(), "name", "value"
)


class SqlKeys:
    """Implements `idp.domain.ports.Keys`."""

    def __init__(self, run: Runner, sealing: ColumnSealing) -> None:
        self._run = run
        self._sealed = sealing.signing_key

    def signing_keys(self) -> Sequence[StoredKey]:
        return [
            StoredKey(kid, alg, self._sealed.open(kid.encode(), sealed), KeyState(state), *times)
            for kid, alg, sealed, state, *times in self._run.rows(_ALL)
        ]

    def add_signing_key(self, key: StoredKey) -> None:
        added = self._run.change(
            _ADD, key.kid, key.alg, self._sealed.seal(key.kid.encode(), key.private_der), key.state.value,
            key.created_at, key.activated_at, key.retiring_at, key.retired_at,
        )
        if not added:
            raise Conflict("the key id exists")

    def move(self, kid: str, was: KeyState, becomes: KeyState, now: int) -> bool:
        if becomes not in _MOVE:
            raise ValueError("no key becomes `next` again")
        return self._run.change(_MOVE[becomes], kid, was.value, becomes.value, now) == 1

    def wrapped(self, name: str) -> bytes | None:
        found = self._run.one(_WRAPPED, name)
        return found[0] if found else None

    def claim_wrapped(self, name: str, wrapped: bytes) -> bool:
        return self._run.change(_CLAIM_WRAPPED, name, wrapped) == 1

    def replace_wrapped(self, name: str, old: bytes, new: bytes) -> bool:
        return self._run.change(_REPLACE_WRAPPED, name, old, new) == 1

    def meta(self, name: str) -> str | None:
        found = self._run.one(_META, name)
        return found[0] if found else None

    def claim_meta(self, name: str, value: str) -> bool:
        return self._run.change(_CLAIM_META, name, value) == 1
