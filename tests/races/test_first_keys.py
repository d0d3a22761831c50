"""Processes that start or rotate together on one PostgreSQL make one key for each algorithm (fsck's I12)."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread

from crypto.keyring import KeyRing
from idp.domain.ports import Store
from idp.domain.signing_key import KeyState
from idp.services.keys import ALGORITHMS, ensure_signing_keys, publish_next
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import SqlStore, open_store, upgrade_schema
from tests.clock import FixedClock

NODES = 4


def _stores(url: str, directory: Path) -> list[SqlStore]:
    upgrade_schema(url, directory)
    sealing = ColumnSealing(KeyRing.generate("https://id.example"))
    return [open_store(url, directory, sealing) for _ in range(NODES)]


def _together(stores: list[SqlStore], run: Callable[[Store], object]) -> Counter[tuple[str, KeyState]]:
    barrier, failures = Barrier(len(stores)), []

    def node(store: SqlStore) -> None:
        try:
            barrier.wait(30)
            run(store)
        except Exception as error:
            failures.append(error)

    threads = [Thread(target=node, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    return Counter((key.alg, key.state) for key in stores[0].read(lambda tx: tx.keys.signing_keys()))


def test_nodes_that_start_and_rotate_together_make_one_key_for_each_algorithm(
    postgres_url: str, tmp_path: Path, clock: FixedClock
) -> None:
    stores = _stores(postgres_url, tmp_path)
    first = {(alg, KeyState.ACTIVE): 1 for alg in ALGORITHMS}
    successors = {(alg, KeyState.NEXT): 1 for alg in ALGORITHMS}
    try:
        assert _together(stores, lambda store: ensure_signing_keys(store, clock)) == first
        for alg in ALGORITHMS:
            found = _together(stores, lambda store, alg=alg: publish_next(store, clock, alg))
        assert found == first | successors
    finally:
        for store in stores:
            store.close()
