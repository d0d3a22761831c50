"""The sealer: gives every audit row a leaf in a Merkle tree, and writes the tree's head outside the database.

Whoever edits, removes, reorders or adds a row afterwards breaks a hash; whoever cuts off the end is found by the
heads in `heads.jsonl`, which belong on another machine as soon as possible.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from crypto.encoding import b64url_decode, b64url_encode
from idp.storage.sql.audit_tree import Head
from idp.storage.sql.store import SqlStore
from idp.storage.sql.transaction import SqlTransaction

HEADS_FILE = "heads.jsonl"
# Rows sealed in one transaction: more would hold up the writer.
BATCH = 200

Sign = Callable[[bytes], bytes]


class AuditSealer:
    """Seals the trail of one store. Several may run, in several processes: they take turns.

    `head_seconds`: a head is made at most this often, so that a busy log is not all heads.
    """

    def __init__(self, store: SqlStore, data_dir: Path, head_seconds: int = 10) -> None:
        self._store = store
        self._file = data_dir / HEADS_FILE
        self._head_seconds = head_seconds
        self._written = _drop_torn_line(self._file)

    def seal_once(self, now: int, sign: Sign | None = None) -> int:
        """Seal what waits, and make a head when one is due; returns how many rows were sealed.

        `sign` gets `Head.text` and returns the signature to keep beside it; it runs outside any transaction.
        """
        sealed = total = self._store.write(_seal_batch)
        while sealed == BATCH:
            sealed = self._store.write(_seal_batch)
            total += sealed
        self._make_head(now, sign)
        return total

    def _make_head(self, now: int, sign: Sign | None) -> None:
        frontier, newest = self._store.read(lambda tx: (tx.audit_tree.frontier(), tx.audit_tree.newest_head()))
        if frontier is None:
            return
        held = newest.size if newest else 0
        if frontier.size > held and (newest is None or now - newest.at >= self._head_seconds):
            head = Head(frontier.size, frontier.root(), now, None)
            if sign is not None:
                head = replace(head, signature=sign(head.text(self._store.sealing.issuer)))
            self._store.write(lambda tx: tx.audit_tree.add_head(head))
            newest = self._store.read(lambda tx: tx.audit_tree.newest_head())
        # Also one that another process made: each machine has a copy.
        if newest is not None:
            self._write_outside(newest)

    def _write_outside(self, head: Head) -> None:
        if head.size <= self._written:
            return
        line = {
            "at": head.at,
            "size": head.size,
            "root": head.root.hex(),
            "signature": None if head.signature is None else b64url_encode(head.signature),
        }
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._written = head.size


def read_heads(file: Path) -> list[Head]:
    """The heads written outside the database, oldest first; none when there is no file.

    A last line that was cut off by a crash is passed over. ValueError for any other line that is not a head.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [_head(line) for line in lines[:-1]]


def _drop_torn_line(file: Path) -> int:
    """Cut off what a crash left of a line, so that the next one stands alone; returns the size of the last head."""
    heads = read_heads(file)
    if file.exists():
        with file.open("r+b") as stream:
            stream.truncate(stream.read().rfind(b"\n") + 1)
    return heads[-1].size if heads else 0


def _head(line: bytes) -> Head:
    fields = json.loads(line)
    signature = fields["signature"]
    return Head(
        int(fields["size"]), bytes.fromhex(fields["root"]), int(fields["at"]),
        None if signature is None else b64url_decode(signature),
    )


def _seal_batch(tx: SqlTransaction) -> int:
    frontier = tx.audit_tree.lock_frontier()
    if frontier is None:
        return 0
    rows = tx.audit_tree.pending(BATCH)
    if rows:
        tx.audit_tree.append(frontier, rows)
    return len(rows)
