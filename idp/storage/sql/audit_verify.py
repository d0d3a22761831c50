"""The verifier: finds every edit, deletion, insertion, reordering and truncation of the audit trail.

Numbered as in `verify_audit`:
 1 leaves count up without a gap       4 the stored frontier is theirs      7 every event has a leaf or waits for one
 2 every leaf is its event's hash      5 heads in the database are theirs   8 nothing waits for a leaf that should not
 3 every event's MAC is ours           6 heads from outside are theirs, all of them
"""

from collections.abc import Callable, Iterable

from crypto.errors import MerkleError
from crypto.merkle import Frontier
from idp.storage.sql.audit_row import AuditRow
from idp.storage.sql.audit_tree import Head
from idp.storage.sql.store import SqlStore

_CHUNK = 500

Verify = Callable[[bytes, bytes], bool]


def verify_audit(store: SqlStore, outside: Iterable[Head] = (), verify: Verify | None = None) -> list[str]:
    """All problems found, in words; empty when the trail is whole. Runs on a live database.

    `outside` are heads kept elsewhere (`audit_seal.read_heads`): only they show that the end was cut off. `verify`
    gets `Head.text` and a signature; with it, unsigned heads are problems.
    """
    check = _Check(store, outside, verify)
    check.leaves()
    check.events()
    return check.problems


class _Check:
    def __init__(self, store: SqlStore, outside: Iterable[Head], verify: Verify | None) -> None:
        self._store = store
        self._outside = {head.size: head for head in outside}
        self._verify = verify
        self.problems: list[str] = []

    def leaves(self) -> None:
        """Checks 1 to 6, along the leaves that were there when it began."""
        stored = self._frontier()
        size = stored.size
        known = self._store.read(lambda tx: tx.audit_tree.heads_between(-1, size))
        heads = {head.size: head for head in known}
        self._check_heads(heads, size)
        computed = self._walk(size, heads)
        if computed != stored:  # 4
            self.problems.append("the frontier is not that of the leaves")
        now = self._frontier().size
        if self._store.read(lambda tx: tx.audit_tree.leaves(now, 1)):
            self.problems.append(f"leaves beyond the {now} of the frontier")
        for head in self._store.read(lambda tx: tx.audit_tree.heads_beyond(now)):
            self.problems.append(f"a head of {head.size} leaves, of which {now} are left")

    def events(self) -> None:
        """Checks 3, 7 and 8, along the events."""
        after = b""
        while chunk := self._events(after):
            for row, has_leaf, waits in chunk:
                if not has_leaf and not waits:  # 7
                    self.problems.append(f"event {row.id.hex()} has no leaf")
                if not self._store.sealing.mac_holds(row.fields(), row.mac):  # 3
                    self.problems.append(f"event {row.id.hex()} was not written by us as it is")
            after = chunk[-1][0].id
        for event_id in self._store.read(lambda tx: tx.audit_tree.pending_astray()):  # 8
            self.problems.append(f"event {event_id.hex()} waits for a leaf without reason")

    def _frontier(self) -> Frontier:
        try:
            frontier = self._store.read(lambda tx: tx.audit_tree.frontier())
        except MerkleError:
            frontier = None
        if frontier is None:
            self.problems.append("the frontier is missing or malformed")
        return frontier or Frontier()

    def _events(self, after: bytes) -> list[tuple[AuditRow, bool, bool]]:
        return self._store.read(lambda tx: tx.audit_tree.events(after, _CHUNK))

    def _leaves(self, first: int) -> list[tuple[int, bytes, AuditRow | None]]:
        return self._store.read(lambda tx: tx.audit_tree.leaves(first, _CHUNK))

    def _walk(self, size: int, heads: dict[int, Head]) -> Frontier:
        computed, position = Frontier(), 0
        while position < size:
            chunk = self._leaves(position)
            if not chunk:
                self.problems.append(f"leaves from {position} to {size - 1} are missing")  # 1
                break
            for number, leaf, row in chunk[: size - position]:
                if number != position:  # 1
                    self.problems.append(f"leaves from {position} to {number - 1} are missing")
                    return computed
                if row is None:  # 2
                    self.problems.append(f"the event of leaf {number} is missing")
                elif row.leaf() != leaf:
                    self.problems.append(f"event {row.id.hex()} is not that of leaf {number}")
                computed = computed.append(leaf)
                position += 1
                self._check_root(computed, heads)
        return computed

    def _check_root(self, computed: Frontier, heads: dict[int, Head]) -> None:
        for where, head in (("database", heads.get(computed.size)), ("outside", self._outside.get(computed.size))):
            if head is not None and head.root != computed.root():  # 5, 6
                self.problems.append(f"the {where} head of {head.size} leaves is of another tree")

    def _check_heads(self, heads: dict[int, Head], size: int) -> None:
        for head in sorted(self._outside.values(), key=lambda head: head.size):
            if head.size > size:  # 6
                self.problems.append(f"{head.size} leaves were there, {size} are left")
            elif heads.get(head.size) != head:
                self.problems.append(f"the head of {head.size} leaves is missing or changed")
        if self._verify is None:
            return
        for head in {*heads.values(), *self._outside.values()}:
            text = head.text(self._store.sealing.issuer)
            if head.signature is None or not self._verify(text, head.signature):  # 5, 6
                self.problems.append(f"the head of {head.size} leaves is not signed by us")
