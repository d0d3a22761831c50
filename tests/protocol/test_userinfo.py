"""UserInfo (OIDC Core, section 5.3) and how access tokens are shown to it (RFC 6750)."""

import pytest

from tests.app import App
from tests.relying_party import RelyingParty, success

JSON = "application/json"


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app without special wishes."""
    return app.register_client()


@pytest.fixture
def access_token(app: App, party: RelyingParty) -> str:
    """A good access token of it."""
    token = party.tokens(app.person())["access_token"]
    assert isinstance(token, str)
    return token


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_userinfo_by_get_and_post_with_the_token_in_the_header(
    party: RelyingParty, access_token: str, method: str
) -> None:
    """row 61: OIDC Core, section 5.3.1; RFC 6750, section 2.1."""
    answer = party.userinfo(access_token, method)
    assert set(success(answer)) == {"sub", "age_band"}
    assert answer.headers["Content-Type"] == JSON
    assert answer.headers["Cache-Control"] == "no-store"


def test_userinfo_takes_the_token_in_a_form_body(app: App, access_token: str) -> None:
    """row 61: RFC 6750, section 2.2."""
    assert success(app.send("POST", "/userinfo", {"access_token": access_token}))["age_band"] == "adult"


def test_form_body_is_no_place_for_a_token_with_get_or_another_media_type(app: App, access_token: str) -> None:
    """row 61: RFC 6750, section 2.2: only a POST of a form."""
    body = f"access_token={access_token}".encode()
    assert app.send("POST", "/userinfo", body=body, content_type="text/plain").status_code == 401
    assert app.send("GET", "/userinfo", body=body).status_code == 401


def test_scheme_of_the_header_is_case_insensitive(app: App, access_token: str) -> None:
    """row 61: RFC 9110, section 11.1."""
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert app.send("GET", "/userinfo", headers={"Authorization": f"{scheme} {access_token}"}).status_code == 200


def test_two_tokens_in_one_request_are_invalid_request(app: App, access_token: str) -> None:
    """row 61: RFC 6750, section 2: one method a request."""
    header = {"Authorization": f"Bearer {access_token}"}
    answer = app.send("POST", "/userinfo", {"access_token": access_token}, headers=header)
    assert answer.status_code == 400
    assert answer.json == {"error": "invalid_request", "error_description": "more than one access token"}
    twice = app.send("POST", "/userinfo", [("access_token", access_token), ("access_token", access_token)])
    assert twice.status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(app: App, method: str) -> None:
    """row 61: RFC 9110, section 15.5.6."""
    answer = app.send(method, "/userinfo")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"


def test_access_token_in_the_query_is_refused(app: App, access_token: str) -> None:
    """row 62: RFC 9700, section 4.3.2; OAuth 2.1, section 5.1."""
    for headers in ({}, {"Authorization": f"Bearer {access_token}"}):
        answer = app.send("GET", "/userinfo", query=f"access_token={access_token}", headers=headers)
        assert answer.status_code == 400
        assert "age_band" not in answer.text
    posted = app.send("POST", "/userinfo", {"x": "y"}, query=f"access_token={access_token}")
    assert posted.status_code == 400


def test_sub_is_always_there_and_equals_the_id_tokens(app: App) -> None:
    """row 63: OIDC Core, section 5.3.2."""
    for settings in ({}, {"userinfo_signed_response_alg": "RS256"}, {"sector_identifier_uri": "https://s.example/u"}):
        party = app.register_client(**settings)
        tokens = party.tokens(app.person(None), scope="openid")
        answer = party.userinfo(tokens["access_token"])
        claims = app.verified(answer.text)[1] if settings.get("userinfo_signed_response_alg") else success(answer)
        assert claims["sub"] == app.verified(tokens["id_token"])[1]["sub"]
        refreshed = success(party.refresh(tokens["refresh_token"]))
        assert app.verified(refreshed["id_token"])[1]["sub"] == claims["sub"]


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_signed_userinfo_carries_iss_and_aud(app: App, alg: str) -> None:
    """row 64: OIDC Core, section 5.3.2."""
    party = app.register_client(userinfo_signed_response_alg=alg)
    answer = party.userinfo(party.tokens(app.person())["access_token"])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/jwt"
    assert answer.headers["Cache-Control"] == "no-store"
    header, claims = app.verified(answer.text)
    assert header["alg"] == alg
    assert (claims["iss"], claims["aud"], claims["age_band"]) == (app.issuer, party.id, "adult")


def test_no_token_is_401_with_a_challenge_and_without_an_error(app: App) -> None:
    """row 65: RFC 6750, section 3.1: who showed nothing is told no error code."""
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Negotiate x"}):
        answer = app.send("GET", "/userinfo", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="blindage"'
        assert answer.data == b""


@pytest.mark.parametrize("bad", ["x", "", "é", "a.b.c", "x" * 10_000, 'q"uote', "with space", "\x7f"])
def test_bad_token_is_401_invalid_token(app: App, bad: str) -> None:
    """row 65: RFC 6750, section 3.1."""
    answer = app.send("GET", "/userinfo", headers={"Authorization": f"Bearer {bad}"})
    _is_invalid_token(answer.status_code, answer.headers["WWW-Authenticate"])


def test_expired_and_revoked_tokens_are_invalid_token(app: App, party: RelyingParty, access_token: str) -> None:
    """row 65: RFC 6750, section 3.1."""
    assert party.revoke(access_token).status_code == 200
    answer = party.userinfo(access_token)
    _is_invalid_token(answer.status_code, answer.headers["WWW-Authenticate"])
    other = party.tokens(app.person())
    app.clock.advance(other["expires_in"] - 1)
    assert party.userinfo(other["access_token"]).status_code == 200
    app.clock.advance(1)
    answer = party.userinfo(other["access_token"])
    _is_invalid_token(answer.status_code, answer.headers["WWW-Authenticate"])


def test_missing_scope_is_403_insufficient_scope(app: App, party: RelyingParty) -> None:
    """row 65: RFC 6750, section 3.1."""
    tokens = party.tokens(app.person(), scope="age")
    assert "id_token" not in tokens
    answer = party.userinfo(tokens["access_token"])
    assert answer.status_code == 403
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="openid"' in challenge


def _is_invalid_token(status: int, challenge: str) -> None:
    assert status == 401
    assert challenge.startswith('Bearer realm="blindage", error="invalid_token"')
