"""Statements are compiled to the text each database reads, with parameters by number; and hot ones find by key."""

import re

import pytest
from sqlalchemy import bindparam, select, text, update

from idp.storage.sql import consents, grants, sessions, spent
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import meta
from tests.storage.databases import Database

NAME = meta.c.name == bindparam("key")


def test_parameters_are_numbered_in_the_order_given_wherever_they_stand() -> None:
    statement = Statement(update(meta).where(NAME).values(value=bindparam("new")), "key", "new")
    assert statement.sqlite == "UPDATE meta SET value=?2 WHERE meta.name = ?1"
    assert statement.postgresql == b"UPDATE meta SET value=$2::VARCHAR WHERE meta.name = $1::VARCHAR"


def test_one_parameter_may_stand_twice() -> None:
    twice = Statement(select(meta.c.value).where(NAME, meta.c.value == bindparam("key")), "key")
    assert twice.sqlite.count("?1") == twice.postgresql.count(b"$1") == 2


def test_whole_numbers_are_written_out_and_percent_signs_kept() -> None:
    statement = Statement(select(text("'100%'")).limit(7))
    assert statement.sqlite.split() == ["SELECT", "'100%'", "LIMIT", "7", "OFFSET", "0"]


def test_a_parameter_that_is_not_listed_or_not_used_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="not listed"):
        _ = Statement(select(meta).where(NAME)).sqlite
    with pytest.raises(TypeError, match="not in the statement"):
        _ = Statement(select(meta), "key").postgresql
    with pytest.raises(TypeError, match="not listed"):
        _ = Statement(select(meta).where(meta.c.name == "text that would need quoting")).sqlite


@pytest.mark.parametrize(
    "statement",
    [
        consents._STANDING, consents._REVOKE_OF_PAIR, grants._WITH_STANDING, grants._ROTATE, grants._GET,
        grants._REVOKE, grants._OF_ACCOUNT, grants._OF_SESSION, grants._REVOKE_OF_CLIENT, sessions._GET,
        sessions._REVOKE_GRANTS, sessions._OF_ACCOUNT,
    ],
    ids=lambda statement: statement.sqlite[:60],
)
def test_no_statement_of_a_request_reads_a_whole_table(sqlite_database: Database, statement: Statement) -> None:
    values = [b""] * len(set(re.findall(r"\?\d+", statement.sqlite)))
    plan = [row[3] for row in sqlite_database.rows(f"EXPLAIN QUERY PLAN {statement.sqlite}", *values)]
    assert plan and not [step for step in plan if step.startswith("SCAN")], plan


def test_hot_claims_are_one_statement() -> None:
    assert grants._CLAIM.sqlite.startswith("INSERT INTO grants") and ";" not in grants._CLAIM.sqlite
    assert spent._CLAIM.sqlite.startswith("INSERT INTO spent") and ";" not in spent._CLAIM.sqlite
