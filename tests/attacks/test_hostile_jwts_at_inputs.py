"""The corpus of hostile JWTs at every input of the issuer that takes a token: 0 accepted, 0 x 5xx (threats A25 to A28).

Client assertions and request objects have their own tests beside what they are for.
"""

from collections.abc import Callable
from urllib.parse import quote_from_bytes, urlencode

import pytest
from werkzeug.test import TestResponse

from crypto.jwk import SigningKey
from idp.domain.signing_key import KeyState
from tests.app import ALGORITHMS, App
from tests.attacks.hostile_jwts import hostile_jwts, signed_bad_times, signed_hostile_jwts
from tests.relying_party import VERIFIER, basic
from tests.web.visitor import returned

RESOURCE = "https://api.example/"
AT_LEAST = 400
"""Tokens thrown at each input; the issue asks for sixty."""


def _signing_key(app: App, alg: str) -> SigningKey:
    stored = app.provider.realm.store.read(lambda tx: tx.keys.signing_keys())
    [key] = [one for one in stored if one.alg == alg and one.state is KeyState.ACTIVE]
    return SigningKey.from_bytes(key.alg, key.kid, key.private_der)


def _corpus(app: App, token: str) -> list[tuple[str, str]]:
    """What an attacker makes of a good token, and what our own key would sign by mistake."""
    header, claims = app.verified(token)
    key = _signing_key(app, header["alg"])
    [jwk] = [one for one in app.json("/jwks")["keys"] if one["kid"] == header["kid"]]
    cases = [
        *hostile_jwts(token, jwk),
        *signed_hostile_jwts(key.sign, header, claims),
        *signed_bad_times(key.sign, header, claims),
    ]
    # An empty parameter counts as absent (RFC 6749, section 3.1).
    return [(name, case) for name, case in cases if case]


def _form(name: str, token: str, **fields: str) -> bytes:
    """A form body; what cannot be written in UTF-8 goes out as the bytes it is."""
    return f"{urlencode(fields)}&{name}={quote_from_bytes(_bytes(token), safe='')}".encode()


def _bytes(token: str) -> bytes:
    return token.encode("utf-8", "surrogatepass")


def _throw(
    corpus: list[tuple[str, str]], ask: Callable[[str], TestResponse], accepted: Callable[[TestResponse], bool]
) -> None:
    """Every token at one input."""
    assert len(corpus) >= AT_LEAST
    let_in, broke = [], []
    for name, token in corpus:
        answer = ask(token)
        if answer.status_code >= 500:
            broke.append(name)
        elif accepted(answer):
            let_in.append(name)
    assert (let_in, broke) == ([], [])


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_at_authorize_as_id_token_hint(app: App, alg: str) -> None:
    """rows 26, 77: OIDC Core, section 3.1.2.1: the error goes to the app, no code."""
    party, person = app.register_client(id_token_signed_response_alg=alg), app.person()
    hint = party.tokens(person)["id_token"]
    fields = party.parameters(prompt="none")

    def ask(token: str) -> TestResponse:
        return person.browser.post("/authorize", _form("id_token_hint", token, **fields))

    assert "code" in returned(ask(hint))
    _throw(_corpus(app, hint), ask, lambda answer: answer.status_code == 303 and "code" in returned(answer))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_at_logout_as_id_token_hint(app: App, alg: str) -> None:
    """rows 77, 87: RP-Initiated Logout 1.0, section 4: a page, nobody is signed out or sent anywhere."""
    out = "https://out.example/"
    party = app.register_client(id_token_signed_response_alg=alg, post_logout_redirect_uris=(out,))
    person = app.person()
    hint = party.tokens(person)["id_token"]

    def ask(token: str) -> TestResponse:
        return person.browser.post("/logout", _form("id_token_hint", token, post_logout_redirect_uri=out))

    _throw(_corpus(app, hint), ask, lambda answer: answer.status_code < 400)
    assert person.browser.get("/account").status_code == 200
    assert ask(hint).location == out


@pytest.mark.parametrize("kind", ["ID token", "JWT access token"])
def test_at_userinfo_as_access_token(app: App, kind: str) -> None:
    """rows 65, 77: RFC 6750, section 3.1: in the header and in the body; not even the good ones are for here."""
    party = app.register_client(resources=(RESOURCE,))
    tokens = party.tokens(app.person(), resource=RESOURCE)
    good = tokens["id_token"] if kind == "ID token" else tokens["access_token"]
    corpus = [("the token itself", good), *_corpus(app, good)]

    def in_header(token: str) -> TestResponse:
        return app.send("GET", "/userinfo", headers={"Authorization": f"Bearer {_bytes(token).decode('latin-1')}"})

    _throw(corpus, in_header, lambda answer: answer.status_code < 400)
    in_body = [case for case in corpus if len(case[1]) < 60_000]

    def posted(token: str) -> TestResponse:
        return app.send("POST", "/userinfo", body=_form("access_token", token))

    _throw(in_body, posted, lambda answer: answer.status_code < 400)


@pytest.mark.parametrize("kind", ["ID token", "JWT access token"])
def test_at_introspection_and_revocation(app: App, kind: str) -> None:
    """rows 71, 72, 77: RFC 7662, section 2.2: inactive; RFC 7009, section 2.2: nothing is revoked."""
    party = app.register_client(resources=(RESOURCE,))
    tokens = party.tokens(app.person(), resource=RESOURCE)
    good = tokens["id_token"] if kind == "ID token" else tokens["access_token"]
    header = {"Authorization": basic(party.id, party.secret or "")}

    def introspect(token: str) -> TestResponse:
        return app.send("POST", "/introspect", body=_form("token", token), headers=header)

    def revoke(token: str) -> TestResponse:
        return app.send("POST", "/revoke", body=_form("token", token), headers=header)

    corpus = _corpus(app, good)
    _throw(corpus, introspect, lambda answer: answer.status_code == 200 and answer.json != {"active": False})
    _throw(corpus, revoke, lambda answer: False)
    assert (introspect(tokens["access_token"]).json or {})["active"] is True


def test_at_the_token_endpoint_as_code_and_refresh_token(app: App) -> None:
    """row 77: RFC 6749, section 5.2: neither is a JWT here, so none is one of them."""
    party = app.register_client()
    token = party.tokens(app.person())["id_token"]
    header = {"Authorization": basic(party.id, party.secret or "")}
    for name, grant_type in (("code", "authorization_code"), ("refresh_token", "refresh_token")):
        fields = {"grant_type": grant_type, "redirect_uri": party.callback, "code_verifier": VERIFIER}
        _throw(
            _corpus(app, token),
            lambda t, n=name, f=fields: app.send("POST", "/token", body=_form(n, t, **f), headers=header),
            lambda answer: answer.status_code == 200,
        )
