"""Rows by the million, made inside PostgreSQL: what stands around the rows that a load test really uses.

Filler rows are copies of one real row under ids of their own, with random bytes of the same length where the real one
is sealed: the database stores and finds them like any other, and the server never reads one.
"""

import secrets
import time
from collections.abc import Callable, Mapping

import psycopg
from psycopg import sql

_POOL_BYTES = 2000
"""Random bytes that pieces are taken from: small enough to stand in the statement as they are."""

NOBODY = "substr(sha256(int8send({n}::int8)), 1, 16)"
"""The id of filler account number `n`."""


def random_bytes(length: str) -> str:
    """SQL for that many random-looking bytes."""
    return f"substr(%(pool)s::bytea, 1 + (random() * 1000)::int, {length})"


def time_ordered_id(at: str) -> str:
    """SQL for a row id made at a time (epoch seconds): the time in front, the rest random."""
    return f"int4send(({at})::int) || substr(uuid_send(gen_random_uuid()), 1, 12)"


class Filling:
    """Fills tables of one database. Indexes are dropped and made again where nothing refers to them: much faster."""

    def __init__(self, conninfo: str, tell: Callable[[str], None]) -> None:
        # The role is the cluster's owner: foreign keys between filler rows need no check.
        self._connection = psycopg.connect(
            conninfo, autocommit=True, options="-c session_replication_role=replica -c maintenance_work_mem=1GB"
        )
        self._tell = tell

    def copies(self, table: str, count: int, changed: Mapping[str, str], row: str = "") -> None:
        """`count` copies of a row (of the table itself, unless a query is given).

        `changed`: column -> SQL, with `n` the number of the copy and `t` the row.
        """
        started = time.monotonic()
        columns = [row[0] for row in self._connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
        )]  # fmt: skip
        if unknown := set(changed) - set(columns):
            raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
        values = ", ".join(changed.get(column, f't."{column}"') for column in columns)
        again = self._without_indexes(table)
        source = row or f"SELECT * FROM {table} LIMIT 1"  # noqa: S608 - names are the schema's
        statement = (
            f'INSERT INTO {table} ({", ".join(columns)}) SELECT {values} '  # noqa: S608
            f"FROM ({source}) AS t CROSS JOIN generate_series(1, %(count)s) AS n"
        )
        made = self._connection.execute(
            statement.encode(), {"count": count, "pool": secrets.token_bytes(_POOL_BYTES)}
        ).rowcount
        if made != count:
            raise ValueError(f"{table} has no row to copy")
        for statement in again:
            self._connection.execute(statement)
        self._tell(f"{count:,} rows in {table} ({time.monotonic() - started:.0f} s)")

    def _without_indexes(self, table: str) -> list[bytes]:
        """Drop the indexes of a table that no other table refers to; the statements that make them again."""
        constraints = self._connection.execute(
            "SELECT conname, pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid "
            "WHERE relname = %s AND contype = 'p' AND NOT EXISTS "
            "(SELECT FROM pg_constraint f WHERE f.confrelid = c.conrelid)", [table],
        ).fetchall()  # fmt: skip
        indexes = self._connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT IN "
            "(SELECT conname FROM pg_constraint)", [table],
        ).fetchall()  # fmt: skip
        name_of_table = sql.Identifier(table)
        for name, _ in constraints:
            self._connection.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(name_of_table, sql.Identifier(name))
            )
        for name, _ in indexes:
            self._connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        return [
            *(f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {text}'.encode() for name, text in constraints),
            *(text.encode() for _, text in indexes),
        ]

    def one(self, query: str, *parameters: object) -> tuple[object, ...]:
        """The one row of a query."""
        row = self._connection.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return tuple(row)

    def settle(self, *tables: str) -> None:
        """Vacuum and analyze now, so that it is not done while something is measured."""
        started = time.monotonic()
        for table in tables:
            self._connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
        self._connection.execute("CHECKPOINT")
        self._tell(f"vacuumed ({time.monotonic() - started:.0f} s)")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def fill_accounts(filling: Filling, count: int) -> None:
    """Accounts that nobody can sign in to, each with its key, a session and a consent."""
    sealed = {name: random_bytes(f"length(t.{name})") for name in ("profile", "password", "age", "dedup", "links")}
    mine = {"account_id": NOBODY.format(n="n")}
    filling.copies("accounts", count, {
        **sealed, "id": NOBODY.format(n="n"), "username_index": "sha256(int8send((n + 2000000000)::int8))",
    })  # fmt: skip
    filling.copies("account_keys", count, {**mine, "wrapped": random_bytes("length(t.wrapped)")})
    filling.copies("sessions", count, {
        **mine, "id": "sha256(int8send((n + 3000000000)::int8))", "sid_seed": random_bytes("length(t.sid_seed)"),
    })  # fmt: skip
    filling.copies("consents", count, {**mine, "id": time_ordered_id("t.created_at")})


def fill_grants(filling: Filling, count: int, accounts: int, expires_at: str, age: int) -> None:
    """Grants of those accounts, made over the last `age` seconds; `expires_at` is SQL."""
    filling.copies("grants", count, {
        "id": time_ordered_id(f"t.created_at - {age} + n::int8 * {age} / {count}"),
        "account_id": NOBODY.format(n=f"(1 + (random() * {accounts - 1})::int)"),
        "session_id": "sha256(int8send((n + 3000000000)::int8))",
        "consent_id": time_ordered_id("t.created_at"),
        "sealed": random_bytes("length(t.sealed)"),
        "expires_at": expires_at,
    })  # fmt: skip


def fill_markers(filling: Filling, count: int, expires_at: str) -> None:
    """Used one-time values."""
    made = {"digest": "sha256(uuid_send(gen_random_uuid()))", "expires_at": expires_at}
    filling.copies("spent", count, made, "SELECT 1")
