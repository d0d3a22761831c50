"""A process that claims what others claim too: `python -m tests.storage.racer FILE`.

FILE is JSON: url, data_dir, issuer, ring, account_id, consent_id and the ids of the codes. Waits for a line on its
input, so that all start at once, and writes a JSON list of the ids it has won.
"""

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from crypto.keyring import KeyRing
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import open_store
from tests.storage.things import a_consent, a_grant, an_account

THREADS = 4


def main(file: str) -> None:
    """Claim every code from several threads, each in an order of its own."""
    told = json.loads(Path(file).read_bytes())
    ring = KeyRing.parse(told["ring"].encode(), told["issuer"])
    consent = a_consent(an_account(id=bytes.fromhex(told["account_id"])), id=bytes.fromhex(told["consent_id"]))
    store = open_store(told["url"], Path(told["data_dir"]), ColumnSealing(ring), exclusive=False)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()

    def claim(_: int) -> list[str]:
        won = []
        for code in random.sample(told["codes"], len(told["codes"])):
            grant = replace(a_grant(consent), id=bytes.fromhex(code))
            if store.write(lambda tx, grant=grant: tx.grants.claim_code(grant), grant.id):
                won.append(code)
        return won

    with ThreadPoolExecutor(THREADS) as threads:
        sys.stdout.write(json.dumps([code for won in threads.map(claim, range(THREADS)) for code in won]))
    store.close()


if __name__ == "__main__":
    main(sys.argv[1])
