"""Inspection of apps: what each asked for, in counts that name nobody and cost no request a write (seeds S8)."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from idp.domain.app_use import DAY_SECONDS, KEPT_DAYS, Use
from idp.domain.client import Manifest
from idp.domain.errors import Unavailable
from idp.services.app_inspection import FEW, Inspected, inspect_apps, take_down
from idp.storage.sql.tables import app_use
from tests.app import App, running_app
from tests.promises.recorded import recording
from tests.relying_party import RelyingParty


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with running_app(tmp_path) as running:
        yield running


def _inspect(app: App, party: RelyingParty, days: int = 30) -> Inspected:
    take_down(app.provider.realm.store, app.clock.now(), app.provider.app_use)
    return next(one for one in inspect_apps(app.provider.realm, days) if one.client.id == party.id)


def _counts(found: Inspected) -> dict[str, int]:
    return {use.value: count for use, count in found.counts.items() if count}


def test_a_sign_in_and_its_refreshes_are_counted(app: App) -> None:
    party = app.register_client(manifest=Manifest(1, "to open the right garden"))
    tokens = party.tokens(app.person())
    for _ in range(3):
        assert party.refresh(tokens["refresh_token"]).status_code == 200
    assert party.refresh("nonsense").status_code == 400
    found = _inspect(app, party)
    assert _counts(found) == {"asked": 1, "signed_in": 1, "refreshed": 3, "not_exchanged": 1}
    assert found.remarks == ()


def test_what_is_asked_beyond_the_registration_is_counted_and_remarked(app: App) -> None:
    party = app.register_client()
    browser = app.browser()
    party.ask(browser, scope="openid age profile email")
    party.ask(browser, claims=quote('{"id_token":{"age_over_16":null}}', safe="{}:\",_"))
    party.ask(browser, claims='{"id_token":{"age_over_18":null}}')
    found = _inspect(app, party)
    assert _counts(found) == {"asked": 3, "other_scopes": 1, "other_ages": 1}
    assert found.remarks == ("asks_for_other_scopes", "asks_for_other_ages", "declares_no_purpose")


def test_silent_polling_and_refusals_are_counted_and_remarked_once_they_are_many(app: App) -> None:
    party, browser = app.register_client(manifest=Manifest(1, "to watch")), app.browser()
    for number in range(FEW):
        assert _inspect(app, party).remarks == (), number
        party.ask(browser, prompt="none")
    found = _inspect(app, party)
    assert _counts(found) == {"asked": FEW, "silent": FEW, "refused": FEW}
    assert found.remarks == ("polls_silently", "mostly_refused")


def test_a_pushed_request_counts_once_when_it_is_taken_up(app: App) -> None:
    party = app.register_client()
    uri = party.push(prompt="none").json["request_uri"]
    assert _counts(_inspect(app, party)) == {}
    app.browser().get(f"/authorize?client_id={party.id}&request_uri={uri}")
    assert _counts(_inspect(app, party)) == {"asked": 1, "silent": 1, "refused": 1}


def test_days_add_up_and_older_ones_are_left_out_and_end(app: App) -> None:
    party, store = app.register_client(), app.provider.realm.store
    for _ in range(3):
        party.ask(app.browser())
        take_down(store, app.clock.now(), app.provider.app_use)
        app.clock.advance(DAY_SECONDS)
    assert [_inspect(app, party, days).counts[Use.ASKED] for days in (1, 2, 3, 4, 30)] == [0, 1, 2, 3, 3]
    app.clock.advance((KEPT_DAYS - 2) * DAY_SECONDS)
    store.write(lambda tx: tx.housekeeping.purge(app.clock.now(), 100))
    assert len(store.read(lambda tx: tx.app_use.since(0))) == 1


def test_counts_of_two_processes_add_up(app: App) -> None:
    party, store, now = app.register_client(), app.provider.realm.store, app.clock.now()
    for _ in range(2):
        app.provider.app_use.count(party.id, Use.ASKED, Use.ASKED)
        take_down(store, now, app.provider.app_use)
    assert _counts(_inspect(app, party)) == {"asked": 4}


def test_counts_wait_while_the_database_is_away(app: App) -> None:
    class Away:
        def write(self, *_: object) -> None:
            raise Unavailable("away")

    party = app.register_client()
    party.ask(app.browser())
    with pytest.raises(Unavailable):
        take_down(Away(), app.clock.now(), app.provider.app_use)  # type: ignore[arg-type]
    assert _counts(_inspect(app, party)) == {"asked": 1}


def test_an_unknown_client_is_not_counted(app: App) -> None:
    app.browser().get("/authorize?client_id=nobody&redirect_uri=https://app.example/")
    app.send("POST", "/token", {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "nobody"})
    assert app.provider.app_use.take() == {}


def test_no_request_writes_a_row_for_it(app: App) -> None:
    party = app.register_client()
    person = app.signed_in()
    party.tokens(person)
    with recording() as recorder:
        party.tokens(person)
    assert recorder.spoken, "the recorder hears"
    assert not [one for one in recorder.spoken if "app_use" in one.tables]


def test_the_table_has_no_room_for_a_person() -> None:


    assert set(app_use.c.keys()) == {"id", "client_id", "day", "kind", "count", "expires_at"}
