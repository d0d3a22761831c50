"""ID tokens: exactly the claims there should be, signed as registered (OIDC Core, sections 2 and 3.1.3.6)."""

import hashlib
from base64 import urlsafe_b64encode

import pytest

from idp.domain.errors import Refused
from tests.app import ALGORITHMS, MINOR, App
from tests.relying_party import success

PLAIN = {"iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", "age_band"}


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_claims_of_an_id_token_and_their_values(app: App, alg: str) -> None:
    """row 58: OIDC Core, sections 2 and 3.1.3.6: all that is required, and `at_hash` under the token's own hash."""
    party = app.register_client(id_token_signed_response_alg=alg)
    now = app.clock.now()
    tokens = party.tokens(app.person())
    header, claims = app.verified(tokens["id_token"])
    assert set(claims) == PLAIN
    assert header["alg"] == alg
    assert claims["iss"] == app.issuer
    assert claims["aud"] == party.id
    assert len(claims["sub"]) <= 255 and claims["sub"].isascii()
    assert (claims["iat"], claims["exp"]) == (now, now + 600)
    digest = (hashlib.sha512 if alg == "EdDSA" else hashlib.sha256)(tokens["access_token"].encode()).digest()
    assert claims["at_hash"] == urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def test_acr_stands_there_only_when_asked_for_and_true_and_amr_never(app: App) -> None:
    """row 58: OIDC Core, section 2: no claim about an authentication that nobody asked for."""
    party, person = app.register_client(), app.person()
    asked = app.verified(party.tokens(person, acr_values="asserted standard")["id_token"])[1]
    assert asked["acr"] == "standard"
    plain = app.verified(party.tokens(person)["id_token"])[1]
    assert not {"acr", "amr", "azp", "sid", "auth_time"} & plain.keys()


def test_nonce_is_unaltered(app: App) -> None:
    """row 21: OIDC Core, sections 2 and 3.1.2.1."""
    party, person = app.register_client(), app.person()
    for nonce in ("n-é中 +/%25\"'\\", "n" * 512, "0"):
        assert app.verified(party.tokens(person, nonce=nonce)["id_token"])[1]["nonce"] == nonce


def test_absent_nonce_is_fine_in_the_code_flow(app: App) -> None:
    """row 21: OIDC Core, section 3.1.2.1."""
    tokens = app.register_client().tokens(app.person(), nonce=None)
    assert set(app.verified(tokens["id_token"])[1]) == PLAIN - {"nonce"}


def test_nonce_of_an_unfinished_request_may_come_again(app: App) -> None:
    """row 21: OIDC Core, section 15.5.2: a retry of the same request is not a replay."""
    party, person = app.register_client(), app.person()
    party.ask(person.browser, nonce="same")
    first, second = party.code(person, nonce="same"), party.code(person, nonce="same")
    for code in (first, second):
        assert app.verified(success(party.exchange(code))["id_token"])[1]["nonce"] == "same"


def test_auth_time_is_the_moment_of_sign_in_not_of_issue(app: App) -> None:
    """row 59: OIDC Core, section 2."""
    party, person = app.register_client(), app.signed_in()
    signed_in_at = app.clock.now()
    app.clock.advance(1000)
    code = party.code(person, max_age="5000")
    app.clock.advance(30)
    tokens = success(party.exchange(code))
    claims = app.verified(tokens["id_token"])[1]
    assert (claims["auth_time"], claims["iat"]) == (signed_in_at, signed_in_at + 1030)
    app.clock.advance(200)
    refreshed = app.verified(success(party.refresh(tokens["refresh_token"]))["id_token"])[1]
    assert refreshed["auth_time"] == signed_in_at


def test_code_outlives_an_old_sign_in(app: App) -> None:
    """row 59: the life of a code is counted from the code, not from the authentication."""
    party, person = app.register_client(), app.signed_in()
    app.clock.advance(3600)
    assert party.exchange(party.code(person)).status_code == 200


def test_auth_time_only_when_asked_or_registered(app: App) -> None:
    """row 118: OIDC Core, sections 2 and 17.3; Registration, section 2."""
    person = app.signed_in()
    plain = app.register_client()
    assert "auth_time" not in app.verified(plain.tokens(person)["id_token"])[1]
    by_claim = plain.tokens(person, claims='{"id_token":{"auth_time":null}}')
    assert "auth_time" in app.verified(by_claim["id_token"])[1]
    for registered in ({"require_auth_time": True}, {"default_max_age": 36000}):
        party = app.register_client(**registered)
        assert "auth_time" in app.verified(party.tokens(person)["id_token"])[1]


def test_auth_time_by_claims_alone_is_blunted_for_each_sector(app: App) -> None:
    """row 118: lowered by under a minute, alike for one app, not alike for two (privacy-and-crypto, direct)."""
    parties = [app.register_client() for _ in range(12)]
    person = app.signed_in()
    exact, asked = app.clock.now(), '{"id_token":{"auth_time":{"essential":true}}}'
    shown = [app.verified(party.tokens(person, claims=asked)["id_token"])[1]["auth_time"] for party in parties]
    assert all(exact - 60 < moment <= exact for moment in shown)
    # Twelve independent draws of sixty are all the same once in 60 ** 11.
    assert len(set(shown)) > 1
    again = app.verified(parties[0].tokens(person, claims=asked)["id_token"])[1]["auth_time"]
    assert again == shown[0]


def test_rs256_by_default_else_as_registered(app: App) -> None:
    """row 60: OIDC Core, section 2; Registration, section 2."""
    assert app.verified(app.register_client().tokens(app.person())["id_token"])[0]["alg"] == "RS256"
    for alg in ALGORITHMS:
        party = app.register_client(id_token_signed_response_alg=alg)
        assert app.verified(party.tokens(app.person())["id_token"])[0]["alg"] == alg


@pytest.mark.parametrize("alg", ["none", "HS256", "PS256", ""])
def test_unsigned_or_unknown_algorithms_cannot_be_registered(app: App, alg: str) -> None:
    """row 60: OIDC Core, sections 2 and 3.1.3.7: `none` is refused here even for the code flow."""
    with pytest.raises(Refused) as refused:
        app.register_client(id_token_signed_response_alg=alg)
    assert refused.value.reason == "invalid_client_metadata"


def test_age_band_follows_the_evidence(app: App) -> None:
    """row 58: the claim this provider is for."""
    party = app.register_client()
    assert app.verified(party.tokens(app.person(MINOR))["id_token"])[1]["age_band"] == "minor"
    assert app.verified(party.tokens(app.person())["id_token"])[1]["age_band"] == "adult"
