"""What was agreed to but not fetched when a password is replaced, or a record says "child": nothing comes of it.

An intruder can keep a code for its minute, and an approved device its ten, until after the person has driven them out.
"""

from datetime import date

import pytest

from idp.domain.age import Assurance
from idp.services.evidence import record_evidence
from idp.services.recovery import make_operators_code, reset_password
from tests.app import CHILD, App, Person
from tests.device import new_device, register_device_app
from tests.relying_party import RelyingParty, error_of, success

OFFLINE = frozenset({"openid", "age", "offline_access"})
FRESH = "another long password 77"


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app that may ask for offline access."""
    return app.register_client(scope=OFFLINE, grant_types=frozenset({"authorization_code", "refresh_token"}))


@pytest.fixture(scope="module")
def device_app(app: App) -> RelyingParty:
    """An app on televisions that may ask for the same."""
    return register_device_app(app, scope=OFFLINE)


def _reset(app: App, person: Person) -> None:
    code = make_operators_code(app.provider.realm, person.username).code
    reset_password(app.provider.realm, person.username, code, FRESH)


def _told_to_be_a_child(app: App, person: Person) -> None:
    record_evidence(app.provider.realm, person.username, date.fromisoformat(CHILD), "in_person", Assurance.STANDARD)


@pytest.mark.parametrize("scope", ["openid", "openid offline_access"])
def test_code_from_before_a_reset_is_worth_nothing(app: App, party: RelyingParty, scope: str) -> None:
    """threats A15: a reset ends every grant, and those that a code would still open."""
    person = app.person()
    code = party.code(person, scope=scope, prompt="consent")
    _reset(app, person)
    assert error_of(party.exchange(code)) == "invalid_grant"


@pytest.mark.parametrize("scope", ["openid", "openid offline_access"])
def test_approved_device_from_before_a_reset_gets_nothing(app: App, device_app: RelyingParty, scope: str) -> None:
    """row 97; threats A15: the same for a device that has not come for its tokens."""
    person, device = app.person(), new_device(device_app, scope=scope)
    device.answered_by(person)
    _reset(app, person)
    assert error_of(device.poll()) == "access_denied"


def test_a_device_that_waits_is_not_the_accounts_and_stays(app: App, device_app: RelyingParty) -> None:
    """The control: nobody has answered this one."""
    person, device = app.person(), new_device(device_app, scope="openid")
    _reset(app, app.person())
    device.answered_by(person)
    assert "access_token" in device.tokens()


def test_code_of_somebody_who_turns_out_a_child_is_worth_nothing(app: App, party: RelyingParty) -> None:
    """What a child agreed to while nothing was known of its age was not its own to agree to."""
    person = app.person(birthdate=None)
    code = party.code(person, scope="openid")
    _told_to_be_a_child(app, person)
    assert error_of(party.exchange(code)) == "invalid_grant"


def test_code_of_a_child_whose_guardian_agreed_is_good_after_the_same_record_again(
    app: App, party: RelyingParty
) -> None:
    """The control: it was known to be a child."""
    person = app.person(CHILD)
    app.guardian_agrees(person, party)
    code = party.code(person, scope="openid")
    store = app.provider.realm.store
    kept = store.read(lambda tx: tx.accounts.get(person.account.id))
    assert kept is not None and kept.age is not None
    age = kept.age
    store.write(lambda tx: tx.accounts.set_age(person.account.id, age))
    assert "access_token" in success(party.exchange(code))


def test_device_of_somebody_who_turns_out_a_child_gets_nothing(app: App, device_app: RelyingParty) -> None:
    """The same where the person answered for a device."""
    person, device = app.person(birthdate=None), new_device(device_app, scope="openid")
    device.answered_by(person)
    _told_to_be_a_child(app, person)
    assert error_of(device.poll()) == "access_denied"
