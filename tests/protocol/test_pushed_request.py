"""Pushed authorization requests (RFC 9126): checked when pushed, taken up once, by their own client."""

from urllib.parse import quote

import pytest

from tests.app import App
from tests.relying_party import CHALLENGE, RelyingParty, basic, error_of, success
from tests.web.visitor import returned

URN = "urn:ietf:params:oauth:request_uri:"


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """A confidential app."""
    return app.register_client()


def _uri(party: RelyingParty, **changes: str | None) -> str:
    answer = party.push(**changes)
    assert answer.status_code == 201, answer.text
    return str((answer.json or {})["request_uri"])


def _take_up(party: RelyingParty, uri: str, more: str = "") -> str:
    return f"/authorize?client_id={party.id}&request_uri={quote(uri)}{more}"


def test_client_authenticates_as_at_the_token_endpoint(app: App, party: RelyingParty) -> None:
    """row 102: RFC 9126, section 2.1."""
    assert error_of(app.send("POST", "/par", party.parameters()), 401) == "invalid_client"
    for method in ("client_secret_post", "none"):
        other = app.register_client(token_endpoint_auth_method=method)
        assert other.push().status_code == 201
        assert error_of(other.post("/par", {**other.parameters(), "client_secret": "wrong"}), 401) == "invalid_client"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"scope": "email"}, "invalid_scope"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"id_token_hint": "a.b.c"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"resource": "https://unknown.example/"}, "invalid_target"),
        ({"dpop_jkt": "x"}, "invalid_request"),
        ({"nonce": "n" * 513}, "invalid_request"),
    ],
)
def test_the_whole_request_is_validated_when_it_is_pushed(
    party: RelyingParty, changes: dict[str, str | None], error: str
) -> None:
    """row 102: RFC 9126, sections 2.1 and 2.3."""
    assert error_of(party.push(**changes)) == error


@pytest.mark.parametrize("uri", [URN + "x", "https://app.example/request.jwt"])
def test_request_uri_cannot_be_pushed(party: RelyingParty, uri: str) -> None:
    """row 102: RFC 9126, section 2.1."""
    assert error_of(party.push(request_uri=uri)) == "invalid_request"


def test_pushed_client_id_must_be_the_authenticated_one(app: App, party: RelyingParty) -> None:
    """row 102: RFC 9126, section 2.1."""
    other = app.register_client()
    assert error_of(party.push(client_id=other.id)) == "invalid_request"
    assert party.push(client_id=None).status_code == 201


def test_answer_is_201_with_a_random_urn_that_lives_a_minute(party: RelyingParty) -> None:
    """row 103: RFC 9126, section 2.2."""
    answers = [party.push() for _ in range(20)]
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/json"}
    bodies = [answer.json or {} for answer in answers]
    assert {tuple(body) for body in bodies} == {("request_uri", "expires_in")}
    assert all(5 <= body["expires_in"] <= 600 for body in bodies)
    uris = [body["request_uri"].removeprefix(URN) for body in bodies]
    # Twelve characters behind the name of the key are 72 bits; all of the nonce is 192.
    assert len({uri[8:20] for uri in uris}) == 20 and all(len(uri) > 40 for uri in uris)


def test_pushed_request_signs_a_person_in(app: App, party: RelyingParty) -> None:
    """row 104: RFC 9126, section 4."""
    person = app.person()
    answer = person.browser.complete(person.browser.get(_take_up(party, _uri(party, state="pushed"))), person.username)
    callback = returned(answer)
    assert (callback["state"], callback["iss"]) == ("pushed", app.issuer)
    assert success(party.exchange(callback["code"]))["scope"] == "openid age"


def test_pushed_request_is_used_once(app: App, party: RelyingParty) -> None:
    """row 104: RFC 9126, section 7.3: a second use is an error page."""
    uri = _uri(party, prompt="none")
    assert returned(app.browser().get(_take_up(party, uri)))["error"] == "login_required"
    _is_page(app, _take_up(party, uri))


def test_expired_unknown_and_foreign_uris_are_a_page(app: App, party: RelyingParty) -> None:
    """row 104: RFC 9126, sections 4 and 7.2: nothing is proven, so nothing redirects; the owner may still use it."""
    foreign = _uri(app.register_client())
    for uri in (foreign, URN, URN + "x", URN + "é", foreign[:-4] + "AAAA", URN + "A" * 2000):
        _is_page(app, _take_up(party, uri, f"&redirect_uri={quote(party.callback)}"))
    own = _uri(party)
    _is_page(app, f"/authorize?client_id=nobody&request_uri={quote(own)}")
    _is_page(app, f"/authorize?request_uri={quote(own)}")
    app.clock.advance(60)
    _is_page(app, _take_up(party, own))


def test_foreign_try_does_not_use_it_up(app: App, party: RelyingParty) -> None:
    """row 104: RFC 9126, section 7.2: bound to the client that pushed it."""
    uri, thief = _uri(party, prompt="none"), app.register_client()
    _is_page(app, _take_up(thief, uri))
    assert returned(app.browser().get(_take_up(party, uri)))["error"] == "login_required"


def test_other_parameters_in_the_address_are_ignored(app: App, party: RelyingParty) -> None:
    """row 104: RFC 9126, section 4; OAuth 2.1: only what was pushed counts."""
    more = "&redirect_uri=https%3A%2F%2Fevil.example%2F&state=changed&scope=email&prompt=login&response_mode=form_post"
    answer = app.browser().get(_take_up(party, _uri(party, prompt="none", state="pushed"), more))
    assert answer.location.startswith(party.callback)
    assert (returned(answer)["error"], returned(answer)["state"]) == ("login_required", "pushed")


def test_repeated_request_uri_is_refused(app: App, party: RelyingParty) -> None:
    """row 104: RFC 6749, section 3.1: not even the same one twice."""
    uri = quote(_uri(party))
    _is_page(app, f"/authorize?client_id={party.id}&request_uri={uri}&request_uri={uri}")


def test_client_that_must_push_is_refused_without(app: App) -> None:
    """row 105: RFC 9126, section 6."""
    party = app.register_client(require_pushed_authorization_requests=True)
    assert party.refused(app.browser()) == "invalid_request"
    assert party.refused(app.browser(), prompt="none") == "invalid_request"
    assert returned(app.browser().get(_take_up(party, _uri(party, prompt="none"))))["error"] == "login_required"


def test_other_methods_are_405_and_huge_bodies_413(app: App, party: RelyingParty) -> None:
    """row 105: RFC 9126, section 2.3."""
    for method in ("GET", "PUT", "DELETE"):
        answer = app.send(method, "/par")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert error_of(party.push(padding="x" * 70_000), 413) == "invalid_request"


def test_repeated_parameters_are_refused_when_pushed(app: App, party: RelyingParty) -> None:
    """row 12: RFC 6749, sections 3.1 and 3.2."""
    pairs = [*party.parameters().items(), ("code_challenge", CHALLENGE)]
    answer = app.send("POST", "/par", pairs, headers={"Authorization": basic(party.id, party.secret or "")})
    assert error_of(answer) == "invalid_request"


def _is_page(app: App, path: str) -> None:
    answer = app.browser().get(path)
    assert answer.status_code == 400, answer.location
    assert "Location" not in answer.headers
    assert answer.headers["Content-Type"].startswith("text/html")
