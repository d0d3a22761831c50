"""How fresh a sign-in an app gets, and whom it means (OIDC Core, sections 3.1.2.1 to 3.1.2.6)."""

from urllib.parse import urlsplit

import pytest

from idp.domain.age import Band
from idp.domain.client import Category
from tests.app import CHILD, MINOR, App
from tests.relying_party import RelyingParty, success
from tests.web.visitor import returned

MORE = '{"id_token":{"age_assurance":null}}'


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app without special wishes."""
    return app.register_client()


def _claims(party: RelyingParty, code: str) -> dict[str, object]:
    return party.app.verified(success(party.exchange(code))["id_token"])[1]


def test_prompt_none_never_shows_a_page(app: App, party: RelyingParty) -> None:
    """row 22: OIDC Core, sections 3.1.2.1 and 3.1.2.6: each reason has its error."""
    assert party.refused(app.browser(), prompt="none") == "login_required"
    agreed, fresh, ageless, child = app.person(), app.signed_in(), app.signed_in(None), app.signed_in(CHILD)
    party.code(agreed)
    assert "code" in returned(party.ask(agreed.browser, prompt="none"))
    assert party.refused(fresh.browser, prompt="none") == "consent_required"
    # Before anything was agreed an obstacle sounds like every other no: it could tell who is a child (threats C05).
    assert party.refused(ageless.browser, prompt="none") == "consent_required"
    assert party.refused(child.browser, prompt="none") == "consent_required"
    assert party.refused(agreed.browser, prompt="none", claims=MORE) == "consent_required"


def test_prompt_none_with_a_session_that_is_too_old_is_login_required(app: App, party: RelyingParty) -> None:
    """row 22: OIDC Core, section 3.1.2.1: max_age counts here as well."""
    person = app.person()
    party.code(person)
    app.clock.advance(100)
    assert party.refused(person.browser, prompt="none", max_age="99") == "login_required"
    assert "code" in returned(party.ask(person.browser, prompt="none", max_age="100"))


def test_prompt_none_with_another_value_is_invalid_request(app: App, party: RelyingParty) -> None:
    """row 23: OIDC Core, section 3.1.2.1."""
    for prompt in ("none login", "consent none", "none none login"):
        assert party.refused(app.browser(), prompt=prompt) == "invalid_request"


def test_prompt_login_forces_one_new_authentication(app: App, party: RelyingParty) -> None:
    """row 23: OIDC Core, sections 3.1.2.1 and 3.1.2.3: a new auth_time, and no loop."""
    person = app.person()
    party.code(person)
    before = app.clock.now()
    app.clock.advance(60)
    page = person.browser.follow(party.ask(person.browser, prompt="login"))
    assert 'name="password"' in page.text
    assert person.browser.submit(page, {"username": person.username, "password": "wrong"}).status_code == 400
    answer = person.browser.sign_in(person.username, page)
    claims = _claims(party, returned(person.browser.follow(answer))["code"])
    assert claims["auth_time"] == before + 60


def test_prompt_login_within_the_same_second_still_asks(app: App, party: RelyingParty) -> None:
    """row 23: OIDC Core, section 3.1.2.1: a sign-in of this very moment came before the request."""
    person = app.person()
    party.code(person)
    page = person.browser.follow(party.ask(person.browser, prompt="login"))
    assert 'name="password"' in page.text
    assert "code" in returned(person.browser.follow(person.browser.sign_in(person.username, page)))


def test_prompt_login_cannot_be_skipped_by_another_page(app: App, party: RelyingParty) -> None:
    """row 23: the pages that follow ask again as long as the old session is all there is."""
    person = app.person()
    party.code(person)
    app.clock.advance(60)
    location = party.ask(person.browser, prompt="login").location
    for path in ("/consent", "/notice", "/sign-in"):
        answer = person.browser.get(location.replace("/sign-in", path))
        assert answer.status_code == 200 or urlsplit(answer.location).path == "/sign-in"


def test_prompt_consent_asks_again_and_select_account_offers_the_choice(app: App, party: RelyingParty) -> None:
    """row 22: OIDC Core, section 3.1.2.1."""
    person = app.person()
    party.code(person)
    assert urlsplit(party.ask(person.browser, prompt="consent").location).path == "/consent"
    assert urlsplit(party.ask(person.browser, prompt="select_account").location).path == "/sign-in"


@pytest.mark.parametrize("registered", [False, True])
def test_max_age_asks_again_when_the_sign_in_is_older(app: App, registered: bool) -> None:
    """row 25: OIDC Core, section 3.1.2.1; Registration, section 2: as a parameter and as default_max_age."""
    party = app.register_client(default_max_age=50 if registered else None)
    changes = {} if registered else {"max_age": "50"}
    person = app.person()
    claims = _claims(party, party.code(person, **changes))
    begun = app.clock.now()
    assert claims["auth_time"] == begun
    app.clock.advance(50)
    assert _claims(party, party.code(person, **changes))["auth_time"] == begun
    app.clock.advance(1)
    assert urlsplit(party.ask(person.browser, **changes).location).path == "/sign-in"
    assert _claims(party, party.code(person, **changes))["auth_time"] == begun + 51


def test_max_age_parameter_overrides_the_registered_default(app: App) -> None:
    """row 25: Registration, section 2."""
    party, person = app.register_client(default_max_age=10), app.person()
    party.code(person)
    app.clock.advance(20)
    assert "code" in returned(party.ask(person.browser, max_age="10000"))


def test_max_age_zero_asks_every_time_and_once(app: App, party: RelyingParty) -> None:
    """row 25: OIDC Core, section 3.1.2.1: zero is a value, like prompt=login."""
    person = app.person()
    party.code(person)
    for _ in range(2):
        app.clock.advance(1)
        assert urlsplit(party.ask(person.browser, max_age="0").location).path == "/sign-in"
        assert _claims(party, party.code(person, max_age="0"))["auth_time"] == app.clock.now()


@pytest.mark.parametrize("max_age", ["soon", "-1", "1.5", "0x10", "1e3", "٣", "9" * 40, " 5", "+5", "NaN"])
def test_max_age_that_is_no_number_is_invalid_request(app: App, party: RelyingParty, max_age: str) -> None:
    """row 25: OIDC Core, section 3.1.2.1."""
    assert party.refused(app.browser(), max_age=max_age) == "invalid_request"


def test_hint_of_the_person_signed_in_is_fine_expired_or_not(app: App, party: RelyingParty) -> None:
    """row 26: OIDC Core, section 3.1.2.1."""
    person = app.person()
    hint = party.tokens(person)["id_token"]
    assert "code" in returned(party.ask(person.browser, prompt="none", id_token_hint=hint))
    app.clock.advance(3600)
    assert "code" in returned(party.ask(person.browser, prompt="none", id_token_hint=hint))


def test_hint_of_another_person_is_login_required(app: App, party: RelyingParty) -> None:
    """row 26: OIDC Core, section 3.1.2.2: nothing is answered for anybody else."""
    person, other = app.person(), app.person()
    hint = party.tokens(other)["id_token"]
    party.code(person)
    for prompt in ("none", "consent"):
        assert party.refused(person.browser, prompt=prompt, id_token_hint=hint) == "login_required"
    stranger = app.person()
    page = stranger.browser.follow(party.ask(stranger.browser, id_token_hint=hint))
    assert returned(stranger.browser.complete(page, stranger.username))["error"] == "login_required"


@pytest.mark.parametrize("hint", ["junk", "a.b.c", "e30.e30.", "é", "x" * 9000])
def test_junk_hint_is_invalid_request(app: App, party: RelyingParty, hint: str) -> None:
    """row 26: OIDC Core, section 3.1.2.1: it must be verified, and cannot be."""
    assert party.refused(app.browser(), id_token_hint=hint) == "invalid_request"


def test_claims_with_a_sub_answer_for_that_subject_only(app: App, party: RelyingParty) -> None:
    """row 30: OIDC Core, sections 3.1.2.2 and 5.5.1."""
    person, other = app.person(), app.person()
    subject = _claims(party, party.code(person))["sub"]
    party.code(other)
    for member in ("id_token", "userinfo"):
        asked = f'{{"{member}":{{"sub":{{"value":"{subject}"}}}}}}'
        assert "code" in returned(party.ask(person.browser, prompt="none", claims=asked))
        assert party.refused(other.browser, prompt="none", claims=asked) == "login_required"
    for value in ("7", "null", '["x"]', '"x"'):
        asked = f'{{"id_token":{{"sub":{{"value":{value}}}}}}}'
        answer = returned(party.ask(person.browser, prompt="none", claims=asked))
        assert ("code" in answer) is (value == "null")


def test_a_curfew_is_an_interaction_for_prompt_none(app: App) -> None:
    """row 22: OIDC Core, section 3.1.2.6: a page would have to explain it."""
    game, person = app.register_client(category=Category.GAME), app.person(MINOR)
    curfew = app.provider.realm.curfew
    opens = curfew.opens_next(Band.MINOR, Category.GAME, app.clock.now())
    assert opens is not None
    app.clock.advance(opens - app.clock.now())
    game.code(person)
    app.clock.advance(3600)
    assert not curfew.allowed_at(Band.MINOR, Category.GAME, app.clock.now())
    assert game.refused(person.browser, prompt="none") == "interaction_required"
    assert game.refused(app.signed_in(MINOR).browser, prompt="none") == "consent_required"
