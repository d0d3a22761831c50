"""Codes that come at once, and codes whose person, consent, session or app changes on the way to their exchange."""

from functools import partial
from typing import Any

import pytest

from idp.domain.client import ClientState
from idp.services.accounts import create_account
from idp.upkeep import sql_store
from tests.app import MINOR, App, Person
from tests.relying_party import RelyingParty, error_of, success
from tests.storage.groups import all_waiting
from tests.web.visitor import PASSWORD


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    return app.register_client()


def _at_once(app: App, party: RelyingParty, codes: list[str]) -> list[Any]:
    outcomes = all_waiting(sql_store(app.provider.realm.store), [partial(party.exchange, code) for code in codes])
    return [outcome.result(20) for outcome in outcomes]


def test_code_that_comes_twice_in_one_group_revokes_what_it_led_to(app: App, party: RelyingParty) -> None:
    """row 45: OAuth 2.1, section 4.1.3: the writer's grouping does not hide a replay."""
    code, other = party.code(app.person()), party.code(app.person())
    answers = _at_once(app, party, [code, other, code])
    assert success(answers[1])["access_token"]
    won = [answer for answer in (answers[0], answers[2]) if answer.status_code == 200]
    lost = [answer for answer in (answers[0], answers[2]) if answer.status_code != 200]
    assert len(won) == 1 and error_of(lost[0]) == "invalid_grant"
    assert not party.holds(success(won[0])["access_token"])
    assert party.holds(success(answers[1])["access_token"])


def test_app_is_told_the_age_that_holds_at_the_exchange(app: App, party: RelyingParty) -> None:
    """row 43: a code that saw an adult makes no adult of somebody whose record changed meanwhile."""
    person = app.person()
    code = party.code(person)
    minor = app.person(MINOR)
    store = app.provider.realm.store
    kept = store.read(lambda tx: tx.accounts.get(minor.account.id))
    assert kept is not None and kept.age is not None
    age = kept.age
    store.write(lambda tx: tx.accounts.set_age(person.account.id, age))
    _, told = app.verified(success(party.exchange(code))["id_token"])
    _, of_a_minor = app.verified(party.tokens(minor)["id_token"])
    _, of_an_adult = app.verified(party.tokens(app.person())["id_token"])
    assert (told["age_band"], of_a_minor["age_band"], of_an_adult["age_band"]) == ("minor", "minor", "adult")


def test_unreviewed_app_redeems_a_testers_code_once_and_nobody_elses(app: App, party: RelyingParty) -> None:
    """A pending app is open to testers only, at the exchange as before."""
    realm = app.provider.realm
    fresh = app.register_client()
    tester = Person(create_account(realm, "tester-of-codes", PASSWORD, tester=True), app.browser())
    code, other = fresh.code(tester, scope="openid"), fresh.code(app.person(), scope="openid")
    realm.store.write(lambda tx: tx.clients.set_state(fresh.id, ClientState.PENDING))
    assert error_of(fresh.exchange(other)) == "invalid_grant"
    tokens = success(fresh.exchange(code))
    assert fresh.holds(tokens["access_token"])
    assert error_of(fresh.exchange(code)) == "invalid_grant"
    assert not fresh.holds(tokens["access_token"])
