"""What apps ask for, a row for each app, day and kind of use; their digest is its key, so that counts add up."""

from collections.abc import Sequence
from hashlib import blake2b

from sqlalchemy import bindparam as param
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_new

from crypto.encoding import lp
from idp.domain.app_use import DayOfUse, Use
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import app_use

_COLUMNS = ("id", "client_id", "day", "kind", "count", "expires_at")
_T = app_use.c
_INSERT = insert_new(app_use).values({one: param(one) for one in _COLUMNS})
_ADD = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=[_T.id], set_={"count": _T["count"] + _INSERT.excluded["count"]}
    ),
    *_COLUMNS,
)
_SINCE = Statement(
    select(_T.client_id, _T.day, _T.kind, _T["count"]).where(_T.day >= param("day"))
    .order_by(_T.client_id, _T.day, _T.kind),
    "day",
)


class SqlAppUse:
    """Implements `idp.domain.ports.AppUses`."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def add(self, use: DayOfUse, expires_at: int) -> None:
        row_id = blake2b(lp(use.client_id, str(use.day), use.use.value), digest_size=16).digest()
        self._run.change(_ADD, row_id, use.client_id, use.day, use.use.value, use.count, expires_at)

    def since(self, day: int) -> Sequence[DayOfUse]:
        return [DayOfUse(client_id, at, Use(kind), count) for client_id, at, kind, count in self._run.rows(_SINCE, day)]
