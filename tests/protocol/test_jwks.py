"""The published keys and the headers of what they sign (RFC 7517; OIDC Core, section 10.1)."""

import json
from base64 import urlsafe_b64decode

from idp.services.keys import publish_next
from tests.app import ALGORITHMS, App
from tests.relying_party import success

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
RESOURCE = "https://api.example/"


def test_jwks_has_public_members_only_with_unique_kid_use_and_alg(app: App) -> None:
    """row 6: RFC 7517, sections 4.2 to 4.5 and 9.2; OIDC Core, section 10.1."""
    keys = app.json("/jwks")["keys"]
    assert {key["alg"] for key in keys} == set(ALGORITHMS)
    assert {key["kty"] for key in keys} == {"RSA", "EC", "OKP"}
    assert all(key["use"] == "sig" and isinstance(key["kid"], str) and key["kid"] for key in keys)
    assert len({key["kid"] for key in keys}) == len(keys)
    assert not any(PRIVATE & key.keys() for key in keys)


def test_jwks_holds_the_next_key_beside_the_active_one_and_no_kid_twice(app: App) -> None:
    """row 6: RFC 7517, section 4.5: keys of one type in one set have different kids."""
    before = app.json("/jwks")["keys"]
    fresh = publish_next(app.provider.realm.store, app.clock, "RS256")
    app.clock.advance(5)
    keys = app.json("/jwks")["keys"]
    assert {key["kid"] for key in keys} == {key["kid"] for key in before} | {fresh}
    assert len(keys) == len(before) + 1
    assert not any(PRIVATE & key.keys() for key in keys)


def test_every_jws_names_its_alg_and_a_published_kid(app: App) -> None:
    """row 7: OIDC Core, section 10.1."""
    keys = {key["kid"]: key["alg"] for key in app.json("/jwks")["keys"]}
    for alg in ALGORITHMS:
        party = app.register_client(
            id_token_signed_response_alg=alg, userinfo_signed_response_alg=alg, introspection_signed_response_alg=alg,
            resources=(RESOURCE,),
        )  # fmt: skip
        person = app.person()
        tokens = party.tokens(person)
        refreshed = success(party.refresh(tokens["refresh_token"]))
        signed = [
            tokens["id_token"], refreshed["id_token"], party.userinfo(tokens["access_token"]).text,
            party.introspect(tokens["access_token"]).text,
        ]  # fmt: skip
        for token in signed:
            header = _header(token)
            assert (header["alg"], keys[header["kid"]]) == (alg, alg)
        header = _header(party.tokens(person, resource=RESOURCE)["access_token"])
        assert keys[header["kid"]] == header["alg"]


def _header(token: str) -> dict[str, str]:
    header = json.loads(urlsafe_b64decode(token.split(".")[0] + "=="))
    assert isinstance(header, dict)
    return header
