"""Evidence that somebody is a child ends what they agreed to alone (threats A15, I7)."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from idp.domain.age import Assurance
from idp.services.accounts import link_guardian
from idp.services.evidence import record_evidence
from idp.storage.sql.fsck import check_invariants
from tests.app import CHILD, MINOR, App, running_app
from tests.relying_party import error_of, success


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with running_app(tmp_path) as running:
        yield running


def _broken(app: App) -> set[str]:
    realm = app.provider.realm
    found = check_invariants(realm.store, app.clock.now(), realm.policy.consent_age)
    return {item.name for item in found if item.violations}


def _learn(app: App, username: str, birthdate: str) -> None:
    record_evidence(app.provider.realm, username, date.fromisoformat(birthdate), "in_person", Assurance.STANDARD)


def test_what_a_child_agreed_to_before_its_age_was_known_ends_with_the_evidence(app: App) -> None:
    person, party = app.signed_in(None), app.register_client()
    tokens = party.tokens(person, scope="openid")
    assert party.holds(tokens["access_token"])
    _learn(app, person.username, CHILD)
    assert not party.holds(tokens["access_token"])
    assert error_of(party.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert _broken(app) == set()


def test_who_may_agree_alone_or_has_a_guardian_keeps_their_apps(app: App) -> None:
    party, guardian = app.register_client(), app.person()
    grown, ward = app.signed_in(None), app.signed_in(None)
    link_guardian(app.provider.realm, guardian.username, ward.username)
    for person, birthdate in ((grown, MINOR), (ward, CHILD)):
        tokens = party.tokens(person, scope="openid")
        _learn(app, person.username, birthdate)
        assert success(party.refresh(tokens["refresh_token"]))
    assert _broken(app) == set()
