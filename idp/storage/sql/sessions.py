"""Browser sessions. Ending one ends the grants that live with it."""

from collections.abc import Sequence

from sqlalchemy import bindparam as param
from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.errors import Conflict
from idp.domain.session import Session
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import grants, sessions

_COLUMNS = ("id", "account_id", "auth_time", "created_at", "expires_at", "amr", "sid_seed", "revoked_at")

_ADD = Statement(
    insert_new(sessions).values({name: param(name) for name in _COLUMNS}).on_conflict_do_nothing(), *_COLUMNS
)
_ALL = select(*(sessions.c[name] for name in _COLUMNS))
_GET = Statement(_ALL.where(sessions.c.id == param("id")), "id")
_OF_ACCOUNT = Statement(
    _ALL.where(sessions.c.account_id == param("account")).order_by(sessions.c.created_at, sessions.c.id), "account"
)
_REVOKE = Statement(
    update(sessions).where(sessions.c.id == param("session"), sessions.c.revoked_at.is_(None))
    .values(revoked_at=param("now")).returning(sessions.c.account_id),
    "session", "now",
)
_REVOKE_OTHERS = Statement(
    update(sessions)
    .where(sessions.c.account_id == param("account"), sessions.c.id != param("keep"), sessions.c.revoked_at.is_(None))
    .values(revoked_at=param("now")),
    "account", "keep", "now",
)
# Found by account: an index on the session would cost every code exchange a third tree.
_LIVING_GRANTS = update(grants).where(
    grants.c.account_id == param("account"), grants.c.offline == 0, grants.c.revoked_at.is_(None)
).values(revoked_at=param("now"))
_REVOKE_GRANTS = Statement(
    _LIVING_GRANTS.where(grants.c.session_id == param("session")), "account", "session", "now"
)
_REVOKE_OTHER_GRANTS = Statement(
    # Those of devices, which have no session, count as others.
    _LIVING_GRANTS.where(or_(grants.c.session_id.is_(None), grants.c.session_id != param("keep"))),
    "account", "keep", "now",
)


class SqlSessions:
    """Implements `idp.domain.ports.Sessions`."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def add(self, session: Session) -> None:
        added = self._run.change(
            _ADD, session.id, session.account_id, session.auth_time, session.created_at, session.expires_at,
            " ".join(session.amr), session.sid_seed, session.revoked_at,
        )
        if not added:
            raise Conflict("the session exists")

    def get(self, session_id: bytes) -> Session | None:
        row = self._run.one(_GET, session_id)
        return _session(row) if row else None

    def of_account(self, account_id: bytes) -> Sequence[Session]:
        return [_session(row) for row in self._run.rows(_OF_ACCOUNT, account_id)]

    def revoke(self, session_id: bytes, now: int) -> bool:
        for (account_id,) in self._run.take(_REVOKE, session_id, now):
            self._run.change(_REVOKE_GRANTS, account_id, session_id, now)
            return True
        return False

    def revoke_others(self, account_id: bytes, keep: bytes | None, now: int) -> int:
        # No session has an empty id, so b"" keeps none.
        revoked = self._run.change(_REVOKE_OTHERS, account_id, keep or b"", now)
        self._run.change(_REVOKE_OTHER_GRANTS, account_id, keep or b"", now)
        return revoked


def _session(row: Row) -> Session:
    row_id, account_id, auth_time, created_at, expires_at, amr, sid_seed, revoked_at = row
    return Session(
        row_id, account_id, auth_time, created_at, expires_at, tuple(amr.split()), sid_seed, revoked_at
    )
