"""The token endpoint at the wire (RFC 6749, sections 3.2, 5.1 and 5.2)."""

import json

import pytest

from tests.app import App
from tests.relying_party import VERIFIER, RelyingParty, basic, error_of, success

REGISTERED_ERRORS = {
    "invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client",
    "unsupported_grant_type",
}  # fmt: skip


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app without special wishes."""
    return app.register_client()


def test_only_post_is_answered(app: App) -> None:
    """row 47: RFC 6749, section 3.2."""
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        answer = app.send(method, "/token")
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("misplaced", ["code", "client_id", "grant_type", "anything"])
def test_parameters_in_the_address_are_refused(app: App, party: RelyingParty, misplaced: str) -> None:
    """row 47: RFC 6749, sections 2.3.1 and 3.2: nothing secret in an address, so nothing at all; the code survives."""
    code = party.code(app.person())
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": party.callback, "code_verifier": VERIFIER,
    }  # fmt: skip
    value = form.pop(misplaced, party.id)
    assert error_of(party.post("/token", form, query=f"{misplaced}={value}")) == "invalid_request"
    assert party.exchange(code).status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
def test_body_must_be_a_form(app: App, party: RelyingParty, content_type: str) -> None:
    """row 47: RFC 6749, section 4.1.3: application/x-www-form-urlencoded."""
    body = json.dumps({"grant_type": "authorization_code", "client_id": party.id}).encode()
    answer = app.send(
        "POST", "/token", body=body, content_type=content_type,
        headers={"Authorization": basic(party.id, party.secret or "")},
    )  # fmt: skip
    assert error_of(answer) == "invalid_request"


def test_media_type_may_carry_a_charset(app: App, party: RelyingParty) -> None:
    """row 47: RFC 9110, section 8.3.1."""
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    answer = party.post("/token", form, content_type="Application/X-WWW-Form-URLencoded; charset=UTF-8")
    assert error_of(answer) == "invalid_grant"


def test_success_is_json_that_nobody_keeps(app: App, party: RelyingParty) -> None:
    """row 54: RFC 6749, section 5.1; OIDC Core, section 3.1.3.3."""
    answer = party.exchange(party.code(app.person()))
    body = success(answer)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, "openid age")


def test_no_refresh_token_for_a_client_without_that_grant(app: App) -> None:
    """row 54: RFC 6749, section 5.1."""
    party = app.register_client(grant_types=frozenset({"authorization_code"}))
    tokens = party.tokens(app.person())
    assert "refresh_token" not in tokens
    assert error_of(party.refresh("x")) == "unauthorized_client"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "é"}, "invalid_grant"),
        ({"grant_type": "nonsense"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
    ],
)
def test_refusals_are_400_json_with_the_registered_code(party: RelyingParty, form: dict[str, str], error: str) -> None:
    """row 55: RFC 6749, section 5.2; OIDC Core, section 3.1.3.4."""
    answer = party.post("/token", form)
    assert error_of(answer) == error
    assert error in REGISTERED_ERRORS
    assert answer.headers["Content-Type"] == "application/json"
    assert "Traceback" not in answer.text


def test_descriptions_are_plain_ascii_and_repeat_nothing_of_the_request(party: RelyingParty) -> None:
    """row 55: RFC 6749, section 5.2 restricts error_description; what came in does not come out."""
    marked = "m4rk-é-<script>"
    for form in ({"grant_type": marked}, {"grant_type": "authorization_code", "code": marked, "redirect_uri": marked}):
        answer = party.post("/token", form)
        description = (answer.json or {})["error_description"]
        assert description.isascii() and '"' not in description and "\\" not in description
        assert "m4rk" not in answer.text


@pytest.mark.parametrize("body", [b"code=%FF", b"code=%00", b"\xff\xfe", b"a=1&a=2", b"&".join([b"x=1"] * 70)])
def test_malformed_forms_are_invalid_request(app: App, body: bytes) -> None:
    """row 55: RFC 6749, section 5.2: never a 5xx, whatever the bytes are."""
    assert error_of(app.send("POST", "/token", body=body)) == "invalid_request"


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke", "/par"])
def test_every_parameter_doubled_is_invalid_request(app: App, party: RelyingParty, path: str) -> None:
    """row 12: RFC 6749, section 3.2; threats A31: known or not, the same value or another; the code survives."""
    code, header = party.code(app.person()), {"Authorization": basic(party.id, party.secret or "")}
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": party.callback, "code_verifier": VERIFIER,
        "client_id": party.id, "client_secret": "x", "scope": "openid", "resource": "https://api.example/",
        "refresh_token": "x", "token": "x", "token_type_hint": "x", "client_assertion": "a.b.c", "anything": "x",
        "client_assertion_type": "x",
    }  # fmt: skip
    for name, value in form.items():
        for second in (value, value + "x"):
            answer = app.send("POST", path, [(name, value), (name, second)], headers=header)
            assert error_of(answer) == "invalid_request", name
            assert "repeated" in answer.text
    assert party.exchange(code).status_code == 200


def test_huge_bodies_are_413(app: App) -> None:
    """row 55: RFC 9110, section 15.5.14: refused by its length before it is read."""
    assert error_of(app.send("POST", "/token", body=b"x=" + b"a" * 70_000), 413) == "invalid_request"


@pytest.mark.parametrize("grant_type", ["password", "implicit", "client_credentials"])
def test_password_and_implicit_grants_are_absent(app: App, party: RelyingParty, grant_type: str) -> None:
    """row 56: RFC 9700, sections 2.1.2 and 2.4; a client acting for itself has nothing to ask here either."""
    person = app.person()
    form = {"grant_type": grant_type, "username": person.username, "password": "a long enough password"}
    assert error_of(party.post("/token", form)) == "unsupported_grant_type"


@pytest.mark.parametrize("response_type", ["token", "id_token", "id_token token", "code token", "code id_token"])
def test_no_token_travels_through_the_browser(app: App, party: RelyingParty, response_type: str) -> None:
    """row 56: RFC 9700, section 2.1.2."""
    assert party.refused(app.signed_in().browser, response_type=response_type) == "unsupported_response_type"
