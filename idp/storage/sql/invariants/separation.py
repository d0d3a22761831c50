"""I9: no table joins an account, an app and an anonymous token, in the database as it is and not as it should be."""

from idp.storage.sql.door import tables as door
from idp.storage.sql.invariants.catalog import read_catalog
from idp.storage.sql.runner import Runner
from idp.storage.sql.tables import metadata

_TOKEN_WORDS = ("token_", "nonce", "blinded", "presentation", "request", "spent")
# The two ends of what must not be joined, column by column: whose allowance, which token.
_ENDS = {
    "token_allowance": {"account_id", "epoch", "used"},
    "spent_tokens": {"digest", "expires_at"},
}


def joins_at_account_issuer(run: Runner) -> int:
    """Tables with an account beside anything of a token, more in the allowance than a count, and the door's tables."""
    columns = read_catalog(run).columns
    joined = sum("account_id" in names and any(_of_token(name) for name in names) for names in columns.values())
    foreign = sum(table in columns for table in door.metadata.tables.keys() - metadata.tables.keys())
    return joined + foreign + _grown(columns)


def joins_at_door(run: Runner) -> int:
    """Columns for an account, more in the spent tokens than a digest, and tables of people."""
    columns = read_catalog(run).columns
    people = sum("account_id" in names for names in columns.values())
    foreign = sum(table in columns for table in metadata.tables.keys() - door.metadata.tables.keys())
    return people + foreign + _grown(columns)


def _of_token(name: str) -> bool:
    return name.startswith(_TOKEN_WORDS)


def _grown(columns: dict[str, set[str]]) -> int:
    return sum(len(columns[table] - known) for table, known in _ENDS.items() if table in columns)
