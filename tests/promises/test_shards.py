"""No frequent request needs rows of two accounts, and docs/scaling.md lists what each says to the database."""

from pathlib import Path

import pytest

from idp.services.accounts import link_guardian
from idp.storage.sql import tables
from idp.storage.sql.door import tables as door
from tests.app import CHILD, running_app
from tests.promises.recorded import recording
from tests.promises.shards import (
    ACCOUNT,
    BEGIN,
    BY_DIGEST,
    DOCUMENT,
    END,
    EVERYWHERE,
    FOLLOWS,
    ONE_SHARD,
    Request,
    owners_of,
    record_requests,
    render,
    shards_of,
)
from tests.storage.databases import Database

CROSSING = {"/token, device that was answered"}
"""What the document says of needing two shards: see there."""


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    """Every request, recorded once."""
    return record_requests(tmp_path_factory.mktemp("recorded"))


def test_the_document_lists_what_the_requests_say(requests: list[Request]) -> None:
    listed = DOCUMENT.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert listed == render(requests).strip(), "write it anew: python -m tests.promises.shards"


def test_every_table_has_its_place() -> None:
    places = [ACCOUNT, EVERYWHERE, FOLLOWS, BY_DIGEST, ONE_SHARD]
    assert set().union(*places) == tables.metadata.tables.keys() | door.metadata.tables.keys()
    assert sum(len(place) for place in places) == len(set().union(*places))


def test_no_request_reaches_the_rows_of_two_accounts(requests: list[Request]) -> None:
    for request in requests:
        assert len(frozenset().union(*request.owners)) <= 1, request.name
    assert sum(bool(request.owners and request.owners[0]) for request in requests) > 5, "the owners were found"


def test_every_statement_on_an_account_names_it(requests: list[Request]) -> None:
    for request in requests:
        for spoken, owners in zip(request.spoken, request.owners, strict=True):
            assert owners or not set(spoken.tables) & ACCOUNT, (request.name, spoken.line)


def test_no_transaction_needs_two_shards_but_those_the_document_names(requests: list[Request]) -> None:
    assert {request.name for request in requests if "both" in shards_of(request)} == CROSSING
    told = DOCUMENT.read_text("utf-8").partition(BEGIN)[0]
    assert all(f"`{name}`" in told for name in CROSSING)


def test_a_command_that_needs_two_accounts_is_seen_to(tmp_path: Path) -> None:
    """The control: a guardian and a child."""
    with running_app(tmp_path) as app:
        guardian, child = app.person(), app.person(CHILD)
        with recording() as recorder:
            link_guardian(app.provider.realm, guardian.username, child.username)
        database = Database("sqlite", "", app.settings.data_dir)
        reached = frozenset().union(*(owners_of(database, one) for one in recorder.spoken))
    assert reached == {guardian.account.id, child.account.id}
