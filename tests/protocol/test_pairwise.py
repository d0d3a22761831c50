"""Pairwise subjects at the wire (OIDC Core, section 8.1): one for each sector, stable, and nothing behind them."""

import re
from datetime import date

from idp.domain.age import Assurance
from idp.domain.app_message import Initiator
from idp.domain.signing_key import PUBLISHED_BEFORE_USE
from idp.services.accounts import create_account, delete_account
from idp.services.evidence import record_evidence
from idp.services.keys import advance, publish_next
from tests.app import ADULT, App, Person, make_app
from tests.relying_party import RelyingParty
from tests.web.visitor import PASSWORD

SUBJECT = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def _sub(party: RelyingParty, person: Person) -> str:
    claims = party.app.verified(party.tokens(person)["id_token"])[1]
    assert isinstance(claims["sub"], str)
    return claims["sub"]


def test_sub_is_the_same_at_every_sign_in(app: App) -> None:
    """row 113: OIDC Core, section 8.1."""
    party, person = app.register_client(), app.person()
    subjects = {_sub(party, person) for _ in range(3)}
    person.browser = app.browser()
    app.clock.advance(30 * 86400)
    [subject] = subjects | {_sub(party, person)}
    assert SUBJECT.match(subject)


def test_sub_stays_when_signing_keys_rotate(app: App) -> None:
    """row 113: the pairwise key is another key than those that sign, and outlives them."""
    party, person = app.register_client(), app.person()
    before = party.tokens(person)["id_token"]
    store = app.provider.realm.store
    publish_next(store, app.clock, "RS256")
    app.clock.advance(PUBLISHED_BEFORE_USE)
    assert len(advance(store, app.clock)) == 2
    app.clock.advance(5)
    after = party.tokens(person)["id_token"]
    (old_header, old), (new_header, new) = app.verified(before), app.verified(after)
    assert old_header["kid"] != new_header["kid"]
    assert old["sub"] == new["sub"]


def test_sub_stays_over_a_restart(app: App) -> None:
    """row 113: the pairwise key is kept, wrapped, with the data."""
    party, person = app.register_client(), app.person()
    before = _sub(party, person)
    again = make_app(app.settings.data_dir, clock=app.clock, exclusive=False)
    try:
        restarted = RelyingParty(again, party.client, party.secret)
        assert _sub(restarted, Person(person.account, again.browser())) == before
    finally:
        again.provider.realm.store.close()


def test_two_clients_of_one_sector_see_the_same_sub(app: App) -> None:
    """row 115: OIDC Core, section 8.1: by the host of the redirect URIs, or by a sector_identifier_uri."""
    person = app.person()
    one = app.register_client(redirect_uris=("https://shared.example/a",))
    two = app.register_client(redirect_uris=("https://shared.example/b", "https://shared.example:8443/c"))
    assert _sub(one, person) == _sub(two, person)
    sector = "https://sector.example/uris.json"
    three, four = (app.register_client(sector_identifier_uri=sector) for _ in range(2))
    assert _sub(three, person) == _sub(four, person) != _sub(one, person)


def test_two_sectors_see_subs_that_nothing_joins(app: App) -> None:
    """row 115: threats D01: 40 people at 2 apps, no sub twice."""
    parties = [app.register_client(), app.register_client()]
    people = [app.person() for _ in range(40)]
    subjects = [_sub(party, person) for party in parties for person in people]
    assert len(set(subjects)) == 80
    assert all(SUBJECT.match(subject) for subject in subjects)


def test_client_without_an_owner_of_its_addresses_is_a_sector_of_its_own(app: App) -> None:
    """row 115: loopback and private-scheme redirect URIs name nobody."""
    person = app.person()
    uris = ("http://127.0.0.1/cb", "com.example.app:/cb")
    clients = [
        app.register_client(redirect_uris=uris, application_type="native", token_endpoint_auth_method="none")
        for _ in range(2)
    ]
    assert len({_sub(client, person) for client in clients}) == 2


def test_person_who_deletes_the_account_and_returns_has_a_new_sub(app: App) -> None:
    """row 115: the salt went with the account; the same name and birth date bring nothing back."""
    party, person = app.register_client(), app.person()
    before, realm = _sub(party, person), app.provider.realm
    delete_account(realm, person.username, Initiator.USER)
    account = create_account(realm, person.username, PASSWORD)
    record_evidence(realm, person.username, date.fromisoformat(ADULT), "in_person", Assurance.STANDARD)
    assert _sub(party, Person(account, app.browser())) != before
