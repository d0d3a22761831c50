"""What an app was once allowed does not outlive the agreement, the app's identity, or the person's wish."""

from dataclasses import replace

from idp.domain.age import Band
from idp.domain.client import Category, Client, ClientState, Manifest
from idp.services.consents import withdraw_consent
from tests.app import CHILD, MINOR, App
from tests.relying_party import RelyingParty
from tests.web.visitor import returned

RESOURCE = "https://films.example/api"


def _changed(app: App, party: RelyingParty, **changes: object) -> RelyingParty:
    """The client with other metadata, as a registration update leaves it."""
    store = app.provider.realm.store
    current = store.read(lambda tx: tx.clients.current(party.id))
    assert current is not None
    assert store.write(lambda tx: tx.clients.replace(replace(current, **changes), current.version))
    app.clock.advance(5)
    found: Client | None = store.read(lambda tx: tx.clients.current(party.id))
    assert found is not None
    return replace(party, client=found)


def test_jti_of_a_jwt_access_token_opens_nothing(app: App) -> None:
    """rows 75 to 77: what stands in a token for a resource is no token here (RFC 9068, section 4)."""
    party = app.register_client(resources=(RESOURCE,))
    token = party.tokens(app.person(), resource=RESOURCE)["access_token"]
    jti = app.verified(token)[1]["jti"]
    assert party.introspect(token).json["active"] is True
    assert not party.holds(jti)
    assert party.introspect(jti).json == {"active": False}


def test_consent_under_a_new_manifest_does_not_revive_the_old_one(app: App) -> None:
    """Agreeing to less under a new manifest is agreeing to that much (threats A15)."""
    party, person = app.register_client(), app.person()
    party.code(person)
    party = _changed(app, party, manifest=Manifest(version=2, purpose="advertising"))
    party.code(person, scope="openid")
    assert party.refused(person.browser, prompt="none") == "consent_required"


def test_code_is_worth_no_more_than_the_consent_that_holds_at_its_exchange(app: App) -> None:
    """A code made before a withdrawal releases nothing that was not agreed to again (threats A15)."""
    party, person = app.register_client(), app.person()
    code = party.code(person)
    withdraw_consent(app.provider.realm, person.account.id, party.id)
    party.code(person, scope="openid")
    assert party.exchange(code).json["error"] == "invalid_grant"


def test_two_tabs_that_agree_both_get_tokens_that_work(app: App) -> None:
    """A code whose consent was given again meanwhile leads to a grant under the consent that holds."""
    party, person = app.register_client(), app.person()
    first = party.code(person)
    party.code(person, prompt="consent")
    tokens = party.exchange(first).json
    assert party.holds(tokens["access_token"])


def test_app_that_is_under_review_again_serves_testers_only(app: App) -> None:
    """Tokens of a client that fell back to pending wait for its review (threats A15)."""
    party, person = app.register_client(), app.person()
    tokens = party.tokens(person)
    party = _changed(app, party, state=ClientState.PENDING)
    assert not party.holds(tokens["access_token"])
    assert party.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert party.introspect(tokens["access_token"]).json == {"active": False}
    party = _changed(app, party, state=ClientState.ACTIVE)
    assert party.holds(tokens["access_token"])


def test_refresh_refused_by_the_curfew_burns_no_token(app: App) -> None:
    """A minor's token refused at night is still good when the window opens."""
    party = app.register_client(
        category=Category.GAME, token_endpoint_auth_method="none", scope=frozenset({"openid", "age", "offline_access"})
    )
    person = app.person(MINOR)
    app.clock.advance(_opening(app) - app.clock.now() + 60)
    token = party.tokens(person, scope="openid age offline_access")["refresh_token"]
    app.clock.advance(3 * 3600)
    assert party.refresh(token).json["error"] == "invalid_grant"
    app.clock.advance(_opening(app) - app.clock.now() + 60)
    assert party.refresh(token).status_code == 200


def _opening(app: App) -> int:
    opens = app.provider.realm.curfew.opens_next(Band.MINOR, Category.GAME, app.clock.now())
    assert opens is not None
    return opens


def test_strangers_are_not_told_who_is_a_child(app: App) -> None:
    """Before any consent prompt=none answers alike for adults, minors, children and the unknown (threats C05)."""
    for category in (Category.GENERAL, Category.GAME):
        party = app.register_client(category=category)
        people = [app.signed_in(), app.signed_in(MINOR), app.signed_in(CHILD), app.signed_in(None)]
        acr = '{"id_token":{"acr":{"essential":true,"values":["strict"]}}}'
        for changes in ({"scope": "openid"}, {}, {"claims": acr}):
            answers = {party.refused(person.browser, prompt="none", **changes) for person in people}
            assert answers == {"consent_required"}, (category, changes)


def test_app_without_consent_cannot_ask_whether_it_is_the_same_person(app: App) -> None:
    """A named subject answers `login_required` for everybody until the person agrees (threats C05)."""
    party, person = app.register_client(), app.person()
    subject = app.verified(party.tokens(person)["id_token"])[1]["sub"]
    withdraw_consent(app.provider.realm, person.account.id, party.id)
    named = f'{{"id_token":{{"sub":{{"value":"{subject}"}}}}}}'
    assert party.refused(person.browser, prompt="none", claims=named) == "login_required"
    assert party.refused(app.signed_in().browser, prompt="none", claims=named) == "login_required"


def test_nobody_is_sent_to_an_unreviewed_app_without_a_click(app: App) -> None:
    """row 13: neither after the password nor by a pending page (RFC 9700, section 4.11.2; threats A12)."""
    party, person = app.register_client(state=ClientState.PENDING), app.person()
    named = '{"id_token":{"sub":{"value":"x"}}}'
    page = person.browser.follow(party.ask(person.browser, claims=named))
    answer = person.browser.complete(page, person.username)
    assert answer.status_code != 303 or not answer.location.startswith(party.callback)
    again = person.browser.get(party.authorize_url(claims=named))
    assert not (again.location or "").startswith(party.callback)


def test_scope_taken_from_a_client_is_not_granted_by_a_page_left_open(app: App) -> None:
    """A pending request is held to what the client may ask for now."""
    party, person = app.register_client(), app.signed_in()
    page = person.browser.follow(party.ask(person.browser))
    party = _changed(app, party, scope=frozenset({"openid"}))
    code = returned(person.browser.submit(page, {"decision": "allow"}))["code"]
    assert party.exchange(code).json["scope"] == "openid"
