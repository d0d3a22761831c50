"""The Merkle tree over the audit trail, in tables (RFC 6962, section 2.1): leaves, frontier, heads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import and_, exists, insert, select, update
from sqlalchemy import bindparam as param
from sqlalchemy import delete as delete_from
from sqlalchemy.dialects.postgresql import insert as insert_new

from crypto.merkle import Frontier
from crypto.notes import Checkpoint
from idp.storage.sql.audit_row import ACCOUNT_AUDIT, AuditRow, AuditTable
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import audit_frontier, audit_heads, audit_leaves, audit_pending

# The sealer of another process that holds the row does this one's work: pass on, do not wait.
_LOCK_FRONTIER = Statement(
    select(audit_frontier.c.state).where(audit_frontier.c.id == 1).with_for_update(skip_locked=True)
)
_FRONTIER = Statement(select(audit_frontier.c.state).where(audit_frontier.c.id == 1))
_SET_FRONTIER = Statement(update(audit_frontier).where(audit_frontier.c.id == 1).values(state=param("new")), "new")
_ADD_LEAF = Statement(
    insert(audit_leaves).values(position=param("position"), event_id=param("event"), hash=param("hash")),
    "position", "event", "hash",
)
_HAS_LEAF = exists(select(audit_leaves.c.position).where(audit_leaves.c.event_id == audit_pending.c.event_id))
_NOT_PENDING_ANY_MORE = Statement(delete_from(audit_pending).where(_HAS_LEAF))
_ADD_HEAD = Statement(
    insert_new(audit_heads)
    .values(size=param("size"), root=param("root"), at=param("at"), signature=param("signature"))
    .on_conflict_do_nothing(),
    "size", "root", "at", "signature",
)
_HEADS = select(audit_heads.c.size, audit_heads.c.root, audit_heads.c.at, audit_heads.c.signature)
_NEWEST_HEAD = Statement(_HEADS.order_by(audit_heads.c.size.desc()).limit(1))
_HEADS_BETWEEN = Statement(
    _HEADS.where(and_(audit_heads.c.size > param("after"), audit_heads.c.size <= param("last")))
    .order_by(audit_heads.c.size),
    "after", "last",
)
_HEADS_BEYOND = Statement(_HEADS.where(audit_heads.c.size > param("size")).order_by(audit_heads.c.size), "size")


@dataclass(frozen=True, slots=True)
class Head:
    """The tree at one moment: its size in leaves, its root (32 bytes), when (epoch seconds), and who says so."""

    size: int
    root: bytes
    at: int
    signature: bytes | None

    def text(self, issuer: str) -> bytes:
        """What is signed: a C2SP tlog-checkpoint of the log `<issuer>/audit`, its time in an extension line."""
        origin = issuer.partition("://")[2] + "/audit"
        return Checkpoint(origin, self.size, self.root, (f"time {self.at}",)).to_text().encode()


class _Statements:
    """The statements that look at one table of audit rows."""

    def __init__(self, table: AuditTable) -> None:
        events, columns = table.events, table.columns
        self.pending = Statement(
            select(*columns).select_from(events).join(audit_pending, audit_pending.c.event_id == events.c.id)
            .order_by(audit_pending.c.number).limit(param("limit")),
            "limit",
        )
        self.leaves = Statement(
            select(audit_leaves.c.position, audit_leaves.c.hash, *columns).select_from(audit_leaves)
            .outerjoin(events, events.c.id == audit_leaves.c.event_id)
            .where(audit_leaves.c.position >= param("first")).order_by(audit_leaves.c.position).limit(param("limit")),
            "first", "limit",
        )
        self.events = Statement(
            select(
                *columns,
                exists(select(audit_leaves.c.position).where(audit_leaves.c.event_id == events.c.id)),
                exists(select(audit_pending.c.number).where(audit_pending.c.event_id == events.c.id)),
            )
            .where(events.c.id > param("after")).order_by(events.c.id).limit(param("limit")),
            "after", "limit",
        )
        self.pending_astray = Statement(
            select(audit_pending.c.event_id)
            .outerjoin(events, events.c.id == audit_pending.c.event_id)
            .where(events.c.id.is_(None) | _HAS_LEAF)
        )


_statements = cache(_Statements)


class SqlAuditTree:
    """What `audit_seal` writes and `audit_verify` reads."""

    def __init__(self, run: Runner, table: AuditTable = ACCOUNT_AUDIT) -> None:
        self._run = run
        self._statements = _statements(table)

    def lock_frontier(self) -> Frontier | None:
        """The state of the tree, for this transaction alone; None when another has it."""
        found = self._run.one(_LOCK_FRONTIER)
        return Frontier.parse(found[0]) if found else None

    def frontier(self) -> Frontier | None:
        """The state of the tree as last committed; None when the row has been taken away."""
        found = self._run.one(_FRONTIER)
        return Frontier.parse(found[0]) if found else None

    def pending(self, limit: int) -> Sequence[AuditRow]:
        """Events without a leaf, in the order in which they were numbered."""
        return [AuditRow(*row) for row in self._run.rows(self._statements.pending, limit)]

    def append(self, frontier: Frontier, rows: Iterable[AuditRow]) -> None:
        """Give each of `rows` the next leaf after `frontier`, which is locked."""
        for row in rows:
            leaf = row.leaf()
            self._run.change(_ADD_LEAF, frontier.size, row.id, leaf)
            frontier = frontier.append(leaf)
        self._run.change(_NOT_PENDING_ANY_MORE)
        self._run.change(_SET_FRONTIER, frontier.serialize())

    def leaves(self, first: int, limit: int) -> list[tuple[int, bytes, AuditRow | None]]:
        """Leaves from position `first`: position, hash, and the event, None when it is missing."""
        return [
            (position, leaf, None if event[0] is None else AuditRow(*event))
            for position, leaf, *event in self._run.rows(self._statements.leaves, first, limit)
        ]

    def events(self, after: bytes, limit: int) -> list[tuple[AuditRow, bool, bool]]:
        """Events in the order of their ids: the row, whether it has a leaf, whether it waits for one."""
        return [
            (AuditRow(*row), bool(has_leaf), bool(waits))
            for *row, has_leaf, waits in self._run.rows(self._statements.events, after, limit)
        ]

    def pending_astray(self) -> list[bytes]:
        """Ids that wait for a leaf though they have one, or though there is no such event."""
        return [row[0] for row in self._run.rows(self._statements.pending_astray)]

    def add_head(self, head: Head) -> bool:
        """Record a head; False when one of this size exists."""
        return self._run.change(_ADD_HEAD, head.size, head.root, head.at, head.signature) == 1

    def newest_head(self) -> Head | None:
        """The head of the largest tree."""
        row = self._run.one(_NEWEST_HEAD)
        return Head(*row) if row else None

    def heads_between(self, after: int, last: int) -> list[Head]:
        """Heads of more than `after` and at most `last` leaves."""
        return _heads(self._run.rows(_HEADS_BETWEEN, after, last))

    def heads_beyond(self, size: int) -> list[Head]:
        """Heads of more than `size` leaves."""
        return _heads(self._run.rows(_HEADS_BEYOND, size))


def _heads(rows: Iterable[Row]) -> list[Head]:
    return [Head(*row) for row in rows]
