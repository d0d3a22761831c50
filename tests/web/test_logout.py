"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0)."""

from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from tests.app import App, Person
from tests.relying_party import RelyingParty
from tests.web.visitor import query_of

OUT, OUT_QUERY = "https://out.example/bye", "https://out.example/bye?tenant=%7e1"


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app with two places to go after sign-out."""
    return app.register_client(post_logout_redirect_uris=(OUT, OUT_QUERY))


@pytest.fixture
def person(app: App) -> Person:
    """Somebody signed in."""
    return app.signed_in()


def _ask(person: Person, **parameters: str) -> TestResponse:
    return person.browser.get(f"/logout?{urlencode(parameters)}")


def _signed_in(person: Person) -> bool:
    return person.browser.get("/account").status_code == 200


def _hint(party: RelyingParty, person: Person) -> str:
    token = party.tokens(person)["id_token"]
    assert isinstance(token, str)
    return token


def test_endpoint_is_advertised_and_answers_get_and_post(app: App, party: RelyingParty) -> None:
    """row 86: sections 2 and 2.1."""
    assert app.json("/.well-known/openid-configuration")["end_session_endpoint"] == f"{app.issuer}/logout"
    for method in ("GET", "POST"):
        person = app.signed_in()
        sent = {"id_token_hint": _hint(party, person), "post_logout_redirect_uri": OUT, "state": "s"}
        answer = _ask(person, **sent) if method == "GET" else person.browser.post("/logout", sent)
        assert answer.status_code == 303
        assert answer.location == f"{OUT}?state=s"
        assert not _signed_in(person)


def test_expired_hint_is_accepted(app: App, party: RelyingParty, person: Person) -> None:
    """row 87: section 4."""
    hint = _hint(party, person)
    app.clock.advance(3600)
    assert _ask(person, id_token_hint=hint, post_logout_redirect_uri=OUT).location == OUT
    assert not _signed_in(person)


def test_client_id_must_be_the_hints_audience(app: App, party: RelyingParty, person: Person) -> None:
    """row 87: section 2: else an error page, and nothing happens."""
    hint, other = _hint(party, person), app.register_client(post_logout_redirect_uris=(OUT,), contacts=())
    for client_id in (other.id, "nobody", "é"):
        _is_error_page(_ask(person, id_token_hint=hint, client_id=client_id, post_logout_redirect_uri=OUT))
        assert _signed_in(person)
    assert _ask(person, id_token_hint=hint, client_id=party.id, post_logout_redirect_uri=OUT).location == OUT


@pytest.mark.parametrize("change", ["payload", "signature", "header", "junk", "empty parts", "none"])
def test_bad_hint_is_an_error_page(party: RelyingParty, person: Person, change: str) -> None:
    """row 87: section 4: a hint that was not issued here, or was changed, proves nothing."""
    header, payload, signature = _hint(party, person).split(".")
    bad = {
        "payload": f"{header}.{payload[:-4]}AAAA.{signature}",
        "signature": f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        "header": f"{header[:-4]}AAAA.{payload}.{signature}",
        "junk": "junk",
        "empty parts": "..",
        "none": f"eyJhbGciOiJub25lIn0.{payload}.",
    }[change]
    _is_error_page(_ask(person, id_token_hint=bad, post_logout_redirect_uri=OUT, state="s"))
    _is_error_page(_ask(person, id_token_hint=bad))
    assert _signed_in(person)


@pytest.mark.parametrize(
    "uri",
    [OUT + "/", OUT + "?x=1", OUT + "#f", OUT_QUERY + "&y=2", OUT_QUERY.replace("%7e", "~"), OUT.upper(), "https://evil.example/",
     "javascript:alert(1)", "//evil.example", "/", "data:,x", OUT.replace("//", "//a@"), OUT + " ", OUT + "%0d%0aX: y"],
)  # fmt: skip
def test_unregistered_address_is_an_error_page(party: RelyingParty, person: Person, uri: str) -> None:
    """row 88: section 3: compared as a string; the person stays signed in."""
    _is_error_page(_ask(person, id_token_hint=_hint(party, person), post_logout_redirect_uri=uri, state="s"))
    assert _signed_in(person)


def test_redirect_needs_a_hint(app: App, party: RelyingParty, person: Person) -> None:
    """row 88: section 3: a registered address alone is no proof, not even beside the client_id."""
    for who in (person, app.person()):
        _is_error_page(_ask(who, client_id=party.id, post_logout_redirect_uri=OUT))
        _is_error_page(_ask(who, post_logout_redirect_uri=OUT))
    assert _signed_in(person)


def test_registered_query_is_kept_and_state_comes_only_when_sent(app: App, party: RelyingParty) -> None:
    """row 88: section 3."""
    first, second, third = (app.signed_in() for _ in range(3))
    assert _ask(first, id_token_hint=_hint(party, first), post_logout_redirect_uri=OUT_QUERY).location == OUT_QUERY
    answer = _ask(second, id_token_hint=_hint(party, second), post_logout_redirect_uri=OUT_QUERY, state="é &=+")
    assert answer.location.startswith(f"{OUT_QUERY}&state=")
    assert query_of(answer.location) == {"tenant": "~1", "state": "é &=+"}
    assert _ask(third, id_token_hint=_hint(party, third), post_logout_redirect_uri=OUT).location == OUT


def test_hint_without_an_address_ends_on_our_own_page(party: RelyingParty, person: Person) -> None:
    """row 88: section 3: `state` goes nowhere without an address."""
    answer = _ask(person, id_token_hint=_hint(party, person), state="s")
    assert answer.status_code == 200 and "Location" not in answer.headers
    assert party.callback not in answer.text
    assert not _signed_in(person)


def test_without_a_hint_the_person_is_asked_first(app: App, party: RelyingParty) -> None:
    """row 89: sections 2 and 6: nothing happens on GET or POST alone."""
    for sent in ({}, {"state": "s"}, {"client_id": party.id}, {"logout_hint": "x", "ui_locales": "zh"}):
        person = app.signed_in()
        for answer in (_ask(person, **sent), person.browser.post("/logout", sent)):
            assert answer.status_code == 200
            assert _signed_in(person)
        assert person.browser.submit(answer).status_code == 200
        assert not _signed_in(person)


def test_hint_of_another_person_asks_first(app: App, party: RelyingParty, person: Person) -> None:
    """row 89: section 2: it is not the app's business to sign somebody else out; after a yes the app is answered."""
    hint = _hint(party, app.person())
    page = _ask(person, id_token_hint=hint, post_logout_redirect_uri=OUT, state="s")
    assert page.status_code == 200
    assert _signed_in(person)
    answer = person.browser.submit(page)
    assert answer.location == f"{OUT}?state=s"
    assert not _signed_in(person)


def test_nobody_signed_in_needs_no_question(app: App, party: RelyingParty) -> None:
    """row 89: section 2: there is nothing to end."""
    person = app.person()
    hint = _hint(party, person)
    person.browser.submit(_ask(person))
    stranger = app.person()
    assert _ask(stranger, id_token_hint=hint, post_logout_redirect_uri=OUT).location == OUT
    assert _ask(stranger).status_code == 200


def test_repeated_parameters_are_an_error_page(party: RelyingParty, person: Person) -> None:
    """row 12: RFC 6749, section 3.1, in the spirit of it: two addresses are none."""
    hint = _hint(party, person)
    query = urlencode([("id_token_hint", hint), ("post_logout_redirect_uri", OUT), ("post_logout_redirect_uri", OUT)])
    _is_error_page(person.browser.get(f"/logout?{query}"))
    assert _signed_in(person)


def test_sign_out_ends_what_lived_by_the_session(party: RelyingParty, person: Person) -> None:
    """row 86: section 2: the tokens of the session are worth nothing the moment after."""
    tokens = party.tokens(person)
    _ask(person, id_token_hint=tokens["id_token"], post_logout_redirect_uri=OUT)
    assert not party.holds(tokens["access_token"])
    assert party.refresh(tokens["refresh_token"]).status_code == 400


def _is_error_page(answer: TestResponse) -> None:
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert answer.content_type.startswith("text/html")
