"""Messages to apps, sealed under the ring: a logout token names a person by pseudonym."""

from collections.abc import Sequence

from sqlalchemy import bindparam as param
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.errors import Conflict
from idp.storage.sql.runner import Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import outbox

# A message that was given up stays as a row that says so: it is due at the moment of that plus this, past the year
# 36,000, and so needs neither a column nor an index of its own.
GIVEN_UP = 1 << 40

_COLUMNS = ("id", "kind", "client_id", "payload", "due_at")
_PUT = Statement(
    insert_new(outbox).values({**{name: param(name) for name in _COLUMNS}, "tries": 0}).on_conflict_do_nothing(),
    *_COLUMNS,
)
# Two workers that ask at once get different messages: what one holds, the other passes over.
_CLAIM_DUE = Statement(
    update(outbox)
    .where(outbox.c.id.in_(
        select(outbox.c.id).where(outbox.c.due_at <= param("now")).order_by(outbox.c.due_at)
        .limit(param("limit")).with_for_update(skip_locked=True)
    ))
    .values(due_at=param("lease"), tries=outbox.c.tries + 1)
    .returning(outbox.c.id, outbox.c.kind, outbox.c.client_id, outbox.c.payload, outbox.c.tries),
    "now", "lease", "limit",
)
_DELIVERED = Statement(delete(outbox).where(outbox.c.id == param("id")), "id")
_FAILED = Statement(update(outbox).where(outbox.c.id == param("message")).values(due_at=param("due")), "message", "due")
_GIVE_UP = Statement(
    update(outbox).where(outbox.c.id == param("message")).values(due_at=param("due"), payload=param("nothing")),
    "message", "due", "nothing",
)
_OF_CLIENT = Statement(
    select(outbox.c.kind, outbox.c.tries, outbox.c.due_at).where(outbox.c.client_id == param("client"))
    .order_by(outbox.c.due_at, outbox.c.id),
    "client",
)


class SqlOutbox:
    """Implements `idp.domain.ports.Outbox`."""

    def __init__(self, run: Runner, sealing: ColumnSealing) -> None:
        self._run = run
        self._payload = sealing.outbox

    def put(self, message_id: bytes, kind: str, client_id: str, payload: bytes, due_at: int) -> None:
        sealed = self._payload.seal(message_id, payload)
        if not self._run.change(_PUT, message_id, kind, client_id, sealed, due_at):
            raise Conflict("the message exists")

    def claim_due(self, now: int, lease_until: int, limit: int) -> Sequence[tuple[bytes, str, str, bytes, int]]:
        leased = sorted(self._run.take(_CLAIM_DUE, now, lease_until, limit))
        return [
            (row_id, kind, client_id, self._payload.open(row_id, payload), tries - 1)
            for row_id, kind, client_id, payload, tries in leased
        ]

    def delivered(self, message_id: bytes) -> None:
        self._run.change(_DELIVERED, message_id)

    def failed(self, message_id: bytes, due_at: int) -> None:
        self._run.change(_FAILED, message_id, due_at)

    def give_up(self, message_id: bytes, now: int) -> None:
        self._run.change(_GIVE_UP, message_id, GIVEN_UP + now, b"")

    def of_client(self, client_id: str) -> Sequence[tuple[str, int, int | None]]:
        rows = self._run.rows(_OF_CLIENT, client_id)
        return [(kind, tries, due_at if due_at < GIVEN_UP else None) for kind, tries, due_at in rows]
