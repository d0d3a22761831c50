"""How an authorization request is answered: `iss`, response modes, consent first (RFC 9207; OIDC Core, 3.1.2.4)."""

import pytest
from werkzeug.test import TestResponse

from tests.app import App
from tests.relying_party import RelyingParty, success
from tests.web.visitor import forms_of, returned

HOSTILE = '"><script>alert(1)</script>\'&lt;'


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app without special wishes."""
    return app.register_client()


def _parameters(answer: TestResponse) -> dict[str, str]:
    return forms_of(answer)[0].fields if answer.status_code == 200 else returned(answer)


ERRORS = (
    {"prompt": "none"}, {"prompt": "none login"}, {"prompt": "dance"}, {"scope": "email"}, {"response_type": None},
    {"response_type": "token"}, {"code_challenge": None}, {"code_challenge_method": "plain"}, {"max_age": "x"},
    {"claims": "{"}, {"id_token_hint": "x"}, {"request": "x"}, {"request_uri": "https://x.example/"},
    {"registration": "{}"}, {"nonce": "n" * 600}, {"resource": "https://x.example/"}, {"dpop_jkt": "x"},
    {"state": "s" * 600},
)  # fmt: skip


@pytest.mark.parametrize("mode", [None, "query", "form_post"])
def test_iss_is_in_every_answer_success_or_error(app: App, party: RelyingParty, mode: str | None) -> None:
    """row 20: RFC 9207, sections 2 and 3; the metadata say so."""
    assert app.json("/.well-known/openid-configuration")["authorization_response_iss_parameter_supported"] is True
    person = app.person()
    given = party.ask(person.browser, response_mode=mode)
    answers = [person.browser.complete(given, person.username)]
    other = app.person()
    answers.append(other.browser.complete(party.ask(other.browser, response_mode=mode), other.username, "deny"))
    answers += [party.ask(app.browser(), **{"response_mode": mode, **error}) for error in ERRORS]
    parameters = [_parameters(answer) for answer in answers]
    assert [one["iss"] for one in parameters] == [app.issuer] * len(answers)
    assert "code" in parameters[0] and all("error" in one for one in parameters[1:])


def test_iss_survives_an_unknown_response_mode(app: App, party: RelyingParty) -> None:
    """row 20: the error comes back in the default mode, with `iss`."""
    answer = returned(party.ask(app.browser(), response_mode="smoke_signal"))
    assert (answer["error"], answer["iss"]) == ("invalid_request", app.issuer)


def test_nothing_is_released_before_the_person_agreed(app: App, party: RelyingParty) -> None:
    """row 33: OIDC Core, section 3.1.2.4: and a recorded consent counts until more is asked or it is withdrawn."""
    person = app.signed_in()
    page = person.browser.follow(party.ask(person.browser, scope="openid"))
    assert page.status_code == 200 and 'name="decision"' in page.text
    first = returned(person.browser.submit(page, {"decision": "allow"}))["code"]
    assert "code" in returned(party.ask(person.browser, scope="openid"))
    assert 'name="decision"' in person.browser.follow(party.ask(person.browser, scope="openid age")).text
    claims = '{"userinfo":{"age_assurance":null}}'
    assert 'name="decision"' in person.browser.follow(party.ask(person.browser, scope="openid", claims=claims)).text
    tokens = success(party.exchange(first))
    assert "age_band" not in success(party.userinfo(tokens["access_token"]))


def test_consent_of_one_app_or_person_is_nobody_elses(app: App, party: RelyingParty) -> None:
    """row 33: recorded for the pair."""
    person = app.person()
    party.code(person)
    assert app.register_client().refused(person.browser, prompt="none") == "consent_required"
    assert party.refused(app.signed_in().browser, prompt="none") == "consent_required"


def test_denial_is_access_denied_and_is_not_remembered_as_consent(app: App, party: RelyingParty) -> None:
    """row 33: RFC 6749, section 4.1.2.1."""
    person = app.person()
    assert party.sign_in(person, "deny")["error"] == "access_denied"
    assert party.refused(person.browser, prompt="none") == "consent_required"
    assert "code" in party.sign_in(person)


def test_form_post_is_a_page_that_posts_itself_escaped_and_uncached(app: App, party: RelyingParty) -> None:
    """row 38: OAuth 2.0 Form Post Response Mode, section 2."""
    person = app.person()
    given = party.ask(person.browser, response_mode="form_post", state=HOSTILE)
    answer = person.browser.complete(given, person.username)
    assert answer.status_code == 200
    [form] = forms_of(answer)
    assert (form.action, set(form.fields)) == (party.callback, {"code", "state", "iss"})
    assert form.fields["state"] == HOSTILE
    assert "<script>alert" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "document.forms[0].submit()" in answer.text
    assert f"form-action 'self' {party.callback.removesuffix('/callback')}" in answer.headers["Content-Security-Policy"]
    assert party.exchange(form.fields["code"]).status_code == 200


def test_errors_come_by_form_post_as_well(app: App, party: RelyingParty) -> None:
    """row 38: Form Post Response Mode, section 2: the mode is for errors, too."""
    answer = party.ask(app.browser(), response_mode="form_post", prompt="none", state=HOSTILE)
    [form] = forms_of(answer)
    assert form.fields["error"] == "login_required"
    assert (form.fields["state"], form.fields["iss"]) == (HOSTILE, app.issuer)
