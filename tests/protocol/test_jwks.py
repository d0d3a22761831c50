"""The published keys and the headers of what they sign (RFC 7517; OIDC Core, section 10.1)."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.domain.signing_key import LONGEST_TOKEN, PUBLISHED_BEFORE_USE
from idp.protocol.key_set import RELOAD_SECONDS
from idp.services.keys import advance, publish_next
from tests.app import ALGORITHMS, App, running_app
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


@pytest.fixture
def rotating(tmp_path: Path) -> Iterator[App]:
    """An issuer whose keys no other test has touched."""
    with running_app(tmp_path) as running:
        yield running


def test_rotation_publishes_before_it_signs_and_keeps_what_was_signed_checkable(rotating: App) -> None:
    """row 8: OIDC Core, section 10.1.1; under load, on several threads: `tests/faults`."""
    app, store, clock = rotating, rotating.provider.realm.store, rotating.clock
    party, person = app.register_client(id_token_signed_response_alg="ES256"), app.person()
    old_token = party.tokens(person)["id_token"]
    old, fresh = _header(old_token)["kid"], publish_next(store, clock, "ES256")
    max_age = int(app.send("GET", "/jwks").headers["Cache-Control"].partition("max-age=")[2])
    assert 0 < max_age < PUBLISHED_BEFORE_USE
    clock.advance(PUBLISHED_BEFORE_USE - 1)
    assert fresh in _kids(app)
    assert advance(store, clock) == []
    assert _header(party.tokens(person)["id_token"])["kid"] == old
    clock.advance(1)
    assert set(advance(store, clock)) == {old, fresh}
    clock.advance(RELOAD_SECONDS)
    assert _header(party.tokens(person)["id_token"])["kid"] == fresh
    clock.advance(LONGEST_TOKEN - RELOAD_SECONDS - 1)
    assert advance(store, clock) == []
    assert app.verified(old_token)[0]["kid"] == old
    clock.advance(1)
    assert advance(store, clock) == [old]
    clock.advance(RELOAD_SECONDS)
    assert old not in _kids(app) and fresh in _kids(app)


def _kids(app: App) -> set[str]:
    return {key["kid"] for key in app.json("/jwks")["keys"]}


def _header(token: str) -> dict[str, str]:
    header = json.loads(urlsafe_b64decode(token.split(".")[0] + "=="))
    assert isinstance(header, dict)
    return header
