"""The `claims` parameter (OIDC Core, section 5.5), and that an app learns no more than bands (5.4 and 17.1)."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from idp.domain.age import Assurance
from tests.app import ADULT, MINOR, App, Person
from tests.relying_party import RelyingParty, success

STANDARD = {"iss", "sub", "aud", "exp", "iat", "nonce", "at_hash"}


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app without special wishes: threshold 18."""
    return app.register_client()


def _id_token(party: RelyingParty, person: Person, **changes: str) -> dict[str, Any]:
    return party.app.verified(party.tokens(person, **changes)["id_token"])[1]


def _asking(**members: Any) -> str:
    return json.dumps({"id_token": members, "userinfo": members})


def test_essential_acr_is_satisfied_or_the_request_fails(app: App, party: RelyingParty) -> None:
    """row 28: OIDC Core, section 5.5.1.1."""
    strong, weak, ageless = app.person(ADULT, Assurance.ENHANCED), app.person(), app.person(None)
    essential = _asking(acr={"essential": True, "values": ["enhanced", "strict"]})
    assert _id_token(party, strong, claims=essential)["acr"] == "enhanced"
    for person in (weak, ageless):
        answer = party.sign_in(person, claims=essential, scope="openid")
        assert answer["error"] == "unmet_authentication_requirements"
    unknown = _asking(acr={"essential": True, "value": "urn:example:gold"})
    assert party.sign_in(strong, claims=unknown)["error"] == "unmet_authentication_requirements"


def test_voluntary_acr_is_best_effort(app: App, party: RelyingParty) -> None:
    """row 28: OIDC Core, sections 3.1.2.1 and 15.1: unknown words are ignored; what is stated is true."""
    person = app.person(ADULT, Assurance.ASSERTED)
    for voluntary in ({"acr_values": "urn:example:gold"}, {"claims": _asking(acr={"values": ["urn:example:gold"]})}):
        assert _id_token(party, person, **voluntary)["acr"] == "asserted"


def test_lower_assurance_than_the_apps_minimum_gives_no_age(app: App, party: RelyingParty) -> None:
    """row 28: threats C12: known levels set a minimum for who asks for an age."""
    person = app.person(ADULT, Assurance.ASSERTED)
    assert party.sign_in(person, acr_values="standard")["error"] == "unmet_authentication_requirements"
    assert _id_token(party, person, acr_values="standard", scope="openid").get("acr") in (None, "asserted")


def test_unknown_claims_and_values_are_ignored(app: App, party: RelyingParty) -> None:
    """row 29: OIDC Core, sections 5.5 and 5.5.1: essential or not, with odd options or none."""
    asked = _asking(
        email={"essential": True}, name=None, age_band={"value": "adult", "odd": [1]}, birthdate={"values": ["x"]},
        address={"essential": "maybe"},
    )  # fmt: skip
    claims = _id_token(party, app.person(), claims=asked, scope="openid")
    assert set(claims) == STANDARD | {"age_band"}
    assert set(_id_token(party, app.person(), claims='{"other": 1, "id_token": {}}')) == STANDARD | {"age_band"}


@pytest.mark.parametrize(
    "malformed",
    ["{", "[]", "null", "1", '"x"', '{"id_token":[]}', '{"userinfo":1}', '{"id_token":{"sub":1}}',
     '{"id_token":{},"id_token":{}}', '{"id_token":NaN}', "[" * 2000, '{"x":"' + "y" * 5000 + '"}', "\ufeff{}"],
)  # fmt: skip
def test_malformed_claims_are_invalid_request(app: App, party: RelyingParty, malformed: str) -> None:
    """row 29: OIDC Core, section 5.5."""
    assert party.refused(app.browser(), claims=malformed) == "invalid_request"


def test_claims_are_delivered_where_they_were_asked_for(app: App, party: RelyingParty) -> None:
    """row 29: OIDC Core, section 5.5: `id_token` and `userinfo` are two requests; a refresh remembers both."""
    asked = '{"id_token":{"age_over_18":null},"userinfo":{"age_assurance":null}}'
    tokens = party.tokens(app.person(), scope="openid", claims=asked)
    for one in (tokens, success(party.refresh(tokens["refresh_token"]))):
        id_token, userinfo = app.verified(one["id_token"])[1], success(party.userinfo(one["access_token"]))
        assert id_token["age_over_18"] is True and "age_assurance" not in id_token
        assert set(userinfo) == {"sub", "age_assurance"}


def test_profile_scopes_and_claims_do_not_exist(app: App, party: RelyingParty) -> None:
    """row 116: OIDC Core, sections 5.4 and 17.1: the band is all there is."""
    document = app.json("/.well-known/openid-configuration")
    assert not {"profile", "email", "address", "phone"} & set(document["scopes_supported"])
    personal = (
        "name", "email", "birthdate", "gender", "address", "phone_number", "picture", "preferred_username", "zoneinfo",
        "locale", "age", "age_exact", "updated_at", "email_verified", "account", "username",
    )  # fmt: skip
    assert not set(personal) & set(document["claims_supported"])
    person = app.person()
    tokens = party.tokens(person, scope="openid age profile email", claims=_asking(**dict.fromkeys(personal)))
    assert set(app.verified(tokens["id_token"])[1]) == STANDARD | {"age_band"}
    assert set(success(party.userinfo(tokens["access_token"]))) == {"sub", "age_band"}


def test_only_the_apps_own_thresholds_are_answered(app: App, party: RelyingParty) -> None:
    """row 117: OIDC Core, section 17.1; threats C06: no search for the birth date by other ages."""
    every = json.dumps({"id_token": {"age_thresholds": None, **{f"age_over_{age}": None for age in range(130)}}})
    for birthdate in (ADULT, MINOR):
        claims = _id_token(party, app.person(birthdate), claims=every)
        assert {name for name in claims if name.startswith("age_over_")} == {"age_over_18"}
        assert claims["age_thresholds"] == {"18": birthdate == ADULT}
    wider = app.register_client(thresholds=(12, 14, 18))
    claims = _id_token(wider, app.person(MINOR), claims=every)
    assert claims["age_thresholds"] == {"12": True, "14": True, "18": False}
    assert {name for name in claims if name.startswith("age_over_")} == {"age_over_12", "age_over_14", "age_over_18"}


def test_scope_age_is_needed_for_its_claims(app: App) -> None:
    """row 117: an app that may not ask for `age` learns nothing by naming the claims one by one."""
    party = app.register_client(scope=frozenset({"openid"}))
    asked = _asking(age_band=None, age_over_18=None, age_thresholds=None, age_assurance=None)
    assert set(_id_token(party, app.person(), claims=asked, scope="openid age")) == STANDARD


def test_people_of_one_band_look_the_same_whatever_their_age(app: App, party: RelyingParty) -> None:
    """row 117: the answers of 60 adults of all ages differ in `sub` and signature, not in what they say."""
    today = date(2026, 1, 1)
    births = [today - timedelta(days=365 * 19 + 430 * number) for number in range(60)]
    asked = _asking(age_band=None, age_over_18=None, age_thresholds=None)
    said = set()
    for birth in births:
        claims = _id_token(party, app.person(birth.isoformat()), claims=asked)
        said.add(json.dumps({name: claims[name] for name in sorted(claims.keys() - STANDARD)}))
    assert said == {json.dumps({"age_band": "adult", "age_over_18": True, "age_thresholds": {"18": True}})}
