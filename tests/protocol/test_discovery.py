"""Discovery (OIDC Discovery 1.0; RFC 8414): where the document is, what it must say, and that it is true."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.app import App, running_app
from tests.assertion_client import AssertionKey, key_set
from tests.relying_party import success
from tests.web.visitor import returned

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
REQUIRED = (
    "issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported",
    "subject_types_supported", "id_token_signing_alg_values_supported",
)  # fmt: skip


def test_discovery_document_is_json_at_its_place_with_an_https_issuer(app: App) -> None:
    """row 1: OIDC Discovery, sections 3, 4.2 and 4.3."""
    answer = app.send("GET", OPENID)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    issuer = answer.json["issuer"] if isinstance(answer.json, dict) else None
    assert issuer == "https://id.example"
    parts = urlsplit(issuer)
    assert parts.scheme == "https" and not parts.query and not parts.fragment


def test_issuer_is_byte_equal_to_iss_everywhere(app: App) -> None:
    """row 1: OIDC Discovery, section 4.3; OIDC Core, section 3.1.3.7; RFC 9207, section 2.4; RFC 9701, section 5."""
    issuer = app.json(OPENID)["issuer"]
    party = app.register_client(userinfo_signed_response_alg="ES256", resources=("https://api.example/",))
    person = app.person()
    callback = party.sign_in(person)
    assert callback["iss"] == issuer
    tokens = success(party.exchange(callback["code"]))
    assert app.verified(tokens["id_token"])[1]["iss"] == issuer
    assert app.verified(party.userinfo(tokens["access_token"]).text)[1]["iss"] == issuer
    assert success(party.introspect(tokens["access_token"]))["iss"] == issuer
    signed = party.introspect(tokens["access_token"], headers={"Accept": "application/token-introspection+jwt"})
    assert app.verified(signed.text)[1]["iss"] == issuer
    named = party.tokens(person, resource="https://api.example/")
    assert app.verified(named["access_token"])[1]["iss"] == issuer
    assert returned(party.ask(app.browser(), prompt="none"))["iss"] == issuer


def test_required_members_are_there(app: App) -> None:
    """row 2: OIDC Discovery, section 3."""
    document = app.json(OPENID)
    assert set(REQUIRED) <= document.keys()
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "none" not in document["id_token_signing_alg_values_supported"]
    assert document["response_types_supported"] == ["code"]
    assert document["subject_types_supported"] == ["pairwise"]
    assert document["userinfo_endpoint"].startswith(document["issuer"])
    assert "openid" in document["scopes_supported"]
    assert {"sub", "age_band"} <= set(document["claims_supported"])


def test_no_member_is_empty_or_null(app: App) -> None:
    """row 2: claims with zero elements must be left out (OIDC Discovery, section 4.2)."""
    assert [name for name, value in app.json(OPENID).items() if value in (None, "", [], {})] == []


def test_same_document_for_oauth_clients(app: App) -> None:
    """row 3: RFC 8414, section 3."""
    assert app.json(OAUTH) == app.json(OPENID)


@pytest.fixture(scope="module")
def pathed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An issuer that has a path."""
    with running_app(tmp_path_factory.mktemp("pathed"), "https://example.org/id") as running:
        yield running


def test_issuer_with_a_path_has_both_forms_of_the_well_known_address(pathed: App) -> None:
    """row 3: RFC 8414, section 3.1 puts the well-known part in front; OIDC Discovery, section 4.1 behind."""
    in_front, behind = pathed.json(f"{OAUTH}/id"), pathed.json(f"/id{OPENID}")
    assert in_front == behind
    # At the bare address it would be the document of another issuer (RFC 8414, section 3.3).
    assert pathed.send("GET", OAUTH).status_code == 400
    assert behind["issuer"] == "https://example.org/id"
    assert behind["token_endpoint"] == "https://example.org/id/token"


def test_issuer_with_a_path_signs_people_in(pathed: App) -> None:
    """row 3: every address of the document works where it says, pages and DPoP proofs included."""
    document = pathed.json(f"/id{OPENID}")
    party = pathed.register_client().with_dpop()
    callback = party.sign_in(pathed.person())
    assert callback["iss"] == document["issuer"]
    tokens = success(party.exchange(callback["code"]))
    assert tokens["token_type"] == "DPoP"
    assert pathed.verified(tokens["id_token"])[1]["iss"] == document["issuer"]
    assert success(party.userinfo(tokens["access_token"]))["age_band"] == "adult"


def test_request_parameters_are_stated_explicitly_and_truthfully(app: App) -> None:
    """row 5: OIDC Discovery, section 3: `request_uri_parameter_supported` counts as true when it is left out."""
    document = app.json(OPENID)
    party = app.register_client(jwks=key_set(AssertionKey()))
    for parameter, value in (("request", "e30.e30.c2ln"), ("request_uri", "https://app.example/request.jwt")):
        answer = party.ask(app.browser(), **{parameter: value})
        refused = answer.status_code == 303 and returned(answer)["error"] == f"{parameter}_not_supported"
        assert document[f"{parameter}_parameter_supported"] is not refused
    assert document["claims_parameter_supported"] is True
    tokens = party.tokens(app.person(), scope="openid", claims='{"id_token":{"age_band":null}}')
    assert app.verified(tokens["id_token"])[1]["age_band"] == "adult"
