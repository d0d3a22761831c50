"""A database that goes away at the k-th statement of a request, for every k (threats F22).

Each time the request is refused for now, or had come to its end; nothing is half done; and it works the next time.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.domain.app_message import Initiator
from idp.domain.errors import Refused, Unavailable
from idp.services.accounts import delete_account
from idp.services.consents import withdraw_consent
from idp.storage.sql.accounts import _SHRED
from idp.storage.sql.engine_sqlite import SqliteRunner, sqlite_library
from idp.storage.sql.fsck import check_invariants
from tests.app import App, running_app
from tests.device import new_device, register_device_app
from tests.relying_party import RelyingParty
from tests.veiled import Veiled, running_veiled

_STATEMENTS = ("begin", "one", "rows", "change", "take", "change_each", "commit")
_IO_ERROR = 10
STATEMENTS_AT_MOST = 80


@dataclass
class FailPoint:
    """From the `at`-th statement on the disk is gone; `after`: that one is still done, and its answer lost."""

    at: int = 0
    after: bool = False
    seen: int = 0
    struck: bool = False

    def arm(self, at: int, after: bool) -> None:
        """Count from here on."""
        self.at, self.after, self.seen, self.struck = at, after, 0, False

    def disarm(self) -> bool:
        """The disk is back; whether it had been gone."""
        self.at = 0
        return self.struck


@contextmanager
def fail_point() -> Iterator[FailPoint]:
    """Every statement of this process on SQLite goes through the fail point."""
    point = FailPoint()
    originals = {name: getattr(SqliteRunner, name) for name in _STATEMENTS}

    def guarded(name: str) -> Callable[..., Any]:
        def run(self: SqliteRunner, *arguments: object) -> Any:
            point.seen += 1
            if not point.at or point.seen < point.at:
                return originals[name](self, *arguments)
            if point.after and not point.struck:
                point.struck = True
                originals[name](self, *arguments)
            point.struck = True
            error = sqlite_library().OperationalError("disk I/O error")
            error.sqlite_errorcode = _IO_ERROR
            raise error

        return run

    try:
        for name in _STATEMENTS:
            setattr(SqliteRunner, name, guarded(name))
        yield point
    finally:
        for name, original in originals.items():
            setattr(SqliteRunner, name, original)


def _status(answer: object) -> int:
    return answer.status_code if isinstance(answer, TestResponse) else 200


def _tried(request: Callable[[], object]) -> int:
    """The status of a request, or of a service's refusal as the edge would tell it."""
    try:
        return _status(request())
    except Unavailable:
        return 503
    except Refused:
        return 400


def _tried_again(request: Callable[[], object]) -> int:
    """The same once the disk is back. Who asks within the moment of a refusal may be refused along with it."""
    for _ in range(5):
        status = _tried(request)
        if status != 503:
            break
        time.sleep(0.01)
    return status


def _at_every_statement(
    app: App, point: FailPoint, prepare: Callable[[], Callable[[], object]], after: bool, again: frozenset[int]
) -> int:
    """`prepare` makes a fresh request; `again`: statuses that the same one may have afterwards. How many statements."""
    realm = app.provider.realm
    for at in range(1, STATEMENTS_AT_MOST):
        request = prepare()
        point.arm(at, after)
        try:
            status = _tried(request)
        finally:
            struck = point.disarm()
        if not struck:
            assert status in (200, 303), f"untouched, {status}"
            return at - 1
        assert status in (200, 303, 503), f"statement {at}: {status}"
        second = _tried_again(request)
        assert second in again, f"statement {at}: {status}, then {second}"
        found = check_invariants(realm.store, app.clock.now(), realm.policy.consent_age)
        assert [item for item in found if item.violations] == [], f"statement {at}"
    raise AssertionError("the request never ends")


@pytest.fixture(scope="module")
def point() -> Iterator[FailPoint]:
    """The way of all statements of this module."""
    with fail_point() as passed:
        yield passed


@pytest.fixture(scope="module")
def app(point: FailPoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An issuer whose disk comes and goes."""
    with running_app(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app that rotates its refresh tokens."""
    return app.register_client(token_endpoint_auth_method="none")


Preparation = Callable[[App, RelyingParty], Callable[[], object]]


def _exchange(app: App, party: RelyingParty) -> Callable[[], object]:
    code = party.code(app.signed_in())
    return lambda: party.exchange(code)


def _refresh(app: App, party: RelyingParty) -> Callable[[], object]:
    token = party.tokens(app.signed_in())["refresh_token"]
    return lambda: party.refresh(token)


def _revoke(app: App, party: RelyingParty) -> Callable[[], object]:
    token = party.tokens(app.signed_in())["refresh_token"]
    return lambda: party.revoke(token)


def _consent(app: App, party: RelyingParty) -> Callable[[], object]:
    person = app.signed_in()
    page = person.browser.follow(party.ask(person.browser, prompt="consent"))
    return lambda: person.browser.submit(page, {"decision": "allow"})


def _withdraw(app: App, party: RelyingParty) -> Callable[[], object]:
    person = app.signed_in()
    party.tokens(person)
    return lambda: withdraw_consent(app.provider.realm, person.account.id, party.id)


def _delete(app: App, party: RelyingParty) -> Callable[[], object]:
    person = app.signed_in()
    party.tokens(person)
    return lambda: delete_account(app.provider.realm, person.username, Initiator.USER)


def _device(app: App, party: RelyingParty) -> Callable[[], object]:
    device = new_device(register_device_app(app))
    device.answered_by(app.signed_in())
    app.clock.advance(10)
    return device.poll


# What a second try may meet: the first came to its end although its answer was lost, and what is once was once.
REQUESTS: dict[str, tuple[Preparation, frozenset[int]]] = {
    "code exchange": (_exchange, frozenset({200, 400})),
    "refresh": (_refresh, frozenset({200})),
    "revocation": (_revoke, frozenset({200})),
    "consent": (_consent, frozenset({200, 303})),
    "withdrawal": (_withdraw, frozenset({200})),
    "deletion of an account": (_delete, frozenset({200, 400})),
    "device": (_device, frozenset({200, 400})),
}


QUICK = {"code exchange", "refresh", "consent"}


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it, its answer lost"])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in REQUESTS]
)
def test_database_that_goes_at_any_statement_leaves_nothing_half_done(
    app: App, party: RelyingParty, point: FailPoint, name: str, after: bool
) -> None:
    prepare, again = REQUESTS[name]
    # Lost before it was done, nothing is done: then the second try is the first.
    expected = again if after else again - {400}
    statements = _at_every_statement(app, point, lambda: prepare(app, party), after, expected)
    print(f"{name}: {statements} statements")
    assert statements >= 3


def test_a_request_that_is_half_done_is_found(app: App, party: RelyingParty, point: FailPoint) -> None:
    """The control: a deletion in three transactions, and the disk goes before the last."""
    realm, person = app.provider.realm, app.signed_in()
    party.tokens(person)

    def halves() -> None:
        realm.store.write(lambda tx: tx.consents.withdraw(person.account.id, party.id, app.clock.now()))
        realm.store.write(lambda tx: tx.accounts._run.change(_SHRED, person.account.id))
        point.arm(1, after=False)
        realm.store.write(lambda tx: tx.accounts.delete(person.account.id))

    try:
        with pytest.raises(Unavailable):
            halves()
    finally:
        point.disarm()
    found = check_invariants(realm.store, app.clock.now(), realm.policy.consent_age)
    assert {item.name for item in found if item.violations} >= {"I8"}


@pytest.fixture
def veiled(point: FailPoint, tmp_path: Path) -> Iterator[Veiled]:
    with running_veiled(tmp_path) as running:
        yield running


@pytest.mark.long
@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it, its answer lost"])
def test_token_that_is_shown_while_the_doors_database_goes(veiled: Veiled, point: FailPoint, after: bool) -> None:
    """The same token for the same request has the same answer, so the second try always succeeds."""
    person, at_door = veiled.account.signed_in(), veiled.app()
    wallet = veiled.wallet(person, 30)

    def show() -> Callable[[], object]:
        shown = wallet.arrive(at_door)
        fields = wallet.fields(shown)
        return lambda: shown.post(fields)

    assert _at_every_statement(veiled.door, point, show, after, frozenset({200})) >= 3
