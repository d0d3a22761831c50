"""A process whose disk is full for a while: `python -m tests.storage.full_disk FILE` (JSON: data_dir, issuer, ring).

A limit on the size of files stands for the full disk: what the system refuses, SQLite meets in the same places.
Writes a JSON object: what was acknowledged, refused, found afterwards.
"""

import json
import resource
import signal
import sys
from pathlib import Path

from crypto.keyring import KeyRing
from idp.domain.errors import Unavailable
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import FILE, SqlStore, open_store
from tests.storage.things import a_client

UNLIMITED = resource.RLIM_INFINITY


def main(file: str) -> None:
    """Write until the disk is full, and on, and again when there is space."""
    told = json.loads(Path(file).read_bytes())
    data_dir = Path(told["data_dir"])
    store = open_store("", data_dir, ColumnSealing(KeyRing.parse(told["ring"].encode(), told["issuer"])))
    # Without a handler the limit kills the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    acknowledged, refused, unavailable = [], 0, 0
    store.ping()
    limit = (data_dir / FILE).stat().st_size + 200_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, UNLIMITED))
    for _ in range(300):
        client = a_client(policy_uri="https://app.example/" + "x" * 2000)
        try:
            store.write(lambda tx, client=client: tx.clients.add(client))
            acknowledged.append(client.id)
        except Exception as error:
            refused += 1
            unavailable += isinstance(error, Unavailable)
    read = store.read(lambda tx: len(tx.clients.page("", 1000)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
    written_after = store.write(lambda tx: tx.keys.claim_meta("space", "again"))
    found = _found(store)
    sys.stdout.write(json.dumps({
        "acknowledged": sorted(acknowledged), "found": found, "refused": refused, "unavailable": unavailable,
        "read_while_full": read == len(acknowledged), "written_after": written_after,
    }))
    store.close()


def _found(store: SqlStore) -> list[str]:
    return [client.id for client in store.read(lambda tx: tx.clients.page("", 1000))]


if __name__ == "__main__":
    main(sys.argv[1])
