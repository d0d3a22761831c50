"""Markers of one-time values: whoever inserts first has won (RFC 9449, section 11.1; RFC 7523, section 3)."""

from hashlib import sha256

from sqlalchemy import bindparam as param
from sqlalchemy.dialects.postgresql import insert as insert_new

from crypto.encoding import lp
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import spent

_CLAIM = Statement(
    insert_new(spent).values(digest=param("digest"), expires_at=param("expires_at")).on_conflict_do_nothing(),
    "digest", "expires_at",
)


class SqlSpent:
    """Implements `idp.domain.ports.Spent`. A marker counts until it is purged: late is refused, never accepted."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def claim(self, kind: str, value: bytes, expires_at: int) -> bool:
        return self._run.change(_CLAIM, sha256(lp(kind, value)).digest(), expires_at) == 1
