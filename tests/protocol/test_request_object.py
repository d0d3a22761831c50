"""Request objects by value (RFC 9101): what the app signed counts, and nothing else."""

import secrets
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.app import App
from tests.assertion_client import AssertionKey, key_set
from tests.attacks.hostile_jwts import hostile_jwts
from tests.relying_party import RelyingParty

TYP = "oauth-authz-req+jwt"


@pytest.fixture(scope="module")
def key() -> AssertionKey:
    return AssertionKey()


@pytest.fixture(scope="module")
def signing_app(app: App, key: AssertionKey) -> RelyingParty:
    return app.register_client(jwks=key_set(key))


def _claims(app: App, client: RelyingParty, **changes: Any) -> dict[str, Any]:
    now = app.clock.now()
    claims = {
        **client.parameters(state="signed-state"), "iss": client.id, "aud": app.issuer, "iat": now, "exp": now + 60,
        "jti": secrets.token_urlsafe(8), **changes,
    }  # fmt: skip
    return {name: value for name, value in claims.items() if value is not None}


def _ask(app: App, client: RelyingParty, request_object: str, **outside: str) -> Any:
    parameters = {"client_id": client.id, "request": request_object, **outside}
    return app.browser().get(f"/authorize?{urlencode(parameters)}")


def test_only_what_the_object_says_counts(app: App, signing_app: RelyingParty, key: AssertionKey) -> None:
    """row 32: claims of the object count, parameters beside it do not (RFC 9101, section 6.3)."""
    signed = key.sign(_claims(app, signing_app, prompt="none"), typ=TYP)
    answer = _ask(app, signing_app, signed, state="outside", redirect_uri="https://evil.example/", prompt="login")
    assert answer.status_code == 303
    assert answer.location.startswith(signing_app.callback)
    assert "state=signed-state" in answer.location and "error=login_required" in answer.location


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "somebody-else"}, {"client_id": None}, {"iss": "somebody-else"}, {"iss": None},
        {"aud": "https://other.example"}, {"aud": None}, {"exp": 1}, {"exp": None}, {"exp": 10**11},
        {"nbf": 10**10}, {"request": "nested"}, {"request_uri": "https://app.example/object"},
        {"scope": ["openid", "age"]}, {"max_age": True}, {"redirect_uri": "https://evil.example/callback"},
    ],
)  # fmt: skip
def test_an_object_that_is_wrong_anywhere_is_refused_on_a_page(
    app: App, signing_app: RelyingParty, key: AssertionKey, changes: dict[str, Any]
) -> None:
    """row 32: iss, aud, time, client_id, no nesting (RFC 9101, sections 4, 5.2.2 and 10.8)."""
    answer = _ask(app, signing_app, key.sign(_claims(app, signing_app, **changes), typ=TYP))
    assert answer.status_code == 400


def test_an_object_of_another_type_or_key_is_refused(app: App, signing_app: RelyingParty, key: AssertionKey) -> None:
    """row 32: typ is checked, so that no other JWT of the client is taken for a request (RFC 8725, 3.11)."""
    claims = _claims(app, signing_app)
    for forged in (
        key.sign(claims, typ="logout+jwt"), key.sign(claims, typ="dpop+jwt"), AssertionKey().sign(claims, typ=TYP)
    ):  # fmt: skip
        assert _ask(app, signing_app, forged).status_code == 400


def test_hostile_request_objects_are_refused(app: App, signing_app: RelyingParty, key: AssertionKey) -> None:
    """row 32: `none` and every other forgery; 0 accepted, 0 server errors (threats A25)."""
    corpus = hostile_jwts(key.sign(_claims(app, signing_app), typ=TYP), key.jwk)
    assert len(corpus) >= 60
    for name, token in corpus:
        if len(token) < 12_000:
            assert _ask(app, signing_app, token.encode("utf-8", "replace").decode()).status_code == 400, name


def test_an_app_without_keys_is_told_that_it_cannot_sign(app: App, key: AssertionKey) -> None:
    """row 31: `request_not_supported` where there is nothing to check a signature with (OIDC Core, 6.1)."""
    plain = app.register_client()
    answer = app.browser().get(f"/authorize?{urlencode({**plain.parameters(), 'request': key.sign({}, typ=TYP)})}")
    assert answer.status_code == 303 and "error=request_not_supported" in answer.location


def test_a_signed_request_may_be_pushed(app: App, signing_app: RelyingParty, key: AssertionKey) -> None:
    """row 32: PAR takes a request object (RFC 9126, section 3)."""
    signed = key.sign(_claims(app, signing_app, prompt="none"), typ=TYP)
    pushed = signing_app.post("/par", {"request": signed})
    assert pushed.status_code == 201, pushed.text
    answer = app.browser().get(
        f"/authorize?{urlencode({'client_id': signing_app.id, 'request_uri': pushed.json['request_uri']})}"
    )
    assert "state=signed-state" in answer.location
