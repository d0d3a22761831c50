"""Dynamic client registration at the wire (RFC 7591; OIDC Registration 1.0), conformance rows 78, 80, 83 and 85."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.assertion_client import AssertionKey, assertion_claims, assertion_form, key_set
from tests.registration import Desk, open_desk
from tests.relying_party import VERIFIER, RelyingParty, error_of, success

SECRETLESS = ("none", "private_key_jwt")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One issuer for the tests of this module."""
    with open_desk(tmp_path_factory.mktemp("registration")) as running:
        yield running


# ----------------------------------------------------------------------------------------------------- row 78: answers
def test_registration_answers_201_json_that_nobody_keeps(desk: Desk) -> None:
    """row 78: RFC 7591, section 3.2.1."""
    answer = desk.ask()
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_all_registered_metadata_is_returned_defaults_included(desk: Desk) -> None:
    """row 78: RFC 7591, sections 2 and 3.2.1; OIDC Registration, section 2."""
    host = desk.fresh_host()
    information = desk.registered(redirect_uris=[f"https://{host}/callback"]).information
    credentials = {
        name: information.pop(name)
        for name in (
            "client_id", "client_id_issued_at", "client_secret", "client_secret_expires_at",
            "registration_access_token", "registration_client_uri",
        )
    }  # fmt: skip
    assert information == {
        "redirect_uris": [f"https://{host}/callback"],
        "client_name": host,
        "application_type": "web",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "subject_type": "pairwise",
        "scope": "openid age",
        "id_token_signed_response_alg": "RS256",
        "require_auth_time": False,
        "backchannel_logout_session_required": False,
        "require_pushed_authorization_requests": False,
        "dpop_bound_access_tokens": False,
        "blindage_category": "general",
        "blindage_thresholds": [18],
        "blindage_manifest": {"version": 1},
        "blindage_require_pkce": True,
        "blindage_fapi": False,
        "blindage_state": "pending",
    }
    assert credentials["client_id_issued_at"] == desk.app.clock.now()
    assert credentials["client_secret_expires_at"] == 0
    assert credentials["registration_client_uri"] == f"{desk.app.issuer}/register/{credentials['client_id']}"


def test_everything_that_can_be_registered_comes_back(desk: Desk) -> None:
    """row 78: RFC 7591, section 3.2.1: what was sent, as it is kept."""
    host, key = desk.fresh_host(), AssertionKey("ES256")
    wanted: dict[str, Any] = {
        "redirect_uris": [f"https://{host}/a", f"https://{host}/b?x=1"],
        "client_name": "Maple Library",
        "client_uri": f"https://{host}/",
        "logo_uri": f"https://{host}/logo.png",
        "policy_uri": f"https://{host}/privacy",
        "tos_uri": f"https://{host}/terms",
        "contacts": ["ops@maple.example"],
        "application_type": "web",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": key_set(key),
        "subject_type": "pairwise",
        "scope": "openid age offline_access",
        "id_token_signed_response_alg": "ES256",
        "userinfo_signed_response_alg": "EdDSA",
        "introspection_signed_response_alg": "ES256",
        "default_max_age": 3600,
        "require_auth_time": True,
        "post_logout_redirect_uris": [f"https://{host}/bye"],
        "backchannel_logout_uri": f"https://{host}/backchannel",
        "backchannel_logout_session_required": True,
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": True,
        "blindage_category": "education",
        "blindage_thresholds": [14, 18],
        "blindage_manifest": {
            "purpose": "Books by age", "data_use": "To choose a shelf", "retention": "One session",
            "audience": "Pupils", "contact": "privacy@maple.example", "agreement_version": "2026-01",
        },
        "blindage_require_pkce": True,
        "blindage_security_event_endpoint": f"https://{host}/events",
        "blindage_fapi": True,
    }  # fmt: skip
    information = desk.registered(**wanted).information
    wanted["blindage_manifest"]["version"] = 1
    assert {name: information[name] for name in wanted} == wanted


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", *SECRETLESS])
def test_a_secret_is_issued_only_where_the_method_needs_one(desk: Desk, method: str) -> None:
    """row 78: RFC 7591, section 3.2.1: `client_secret_expires_at` stands with a secret and only there."""
    keys = {"jwks": key_set(AssertionKey())} if method == "private_key_jwt" else {}
    information = desk.registered(token_endpoint_auth_method=method, **keys).information
    assert ("client_secret" in information) is (method not in SECRETLESS)
    assert ("client_secret_expires_at" in information) is (method not in SECRETLESS)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_a_registered_app_signs_a_tester_in(desk: Desk, method: str) -> None:
    """row 78: OIDC Registration, section 3.2: what is returned works at the other endpoints."""
    party = desk.registered(token_endpoint_auth_method=method).party()
    tokens = party.tokens(desk.tester())
    assert desk.app.verified(tokens["id_token"])[1]["aud"] == party.id


def test_a_registered_key_authenticates(desk: Desk) -> None:
    """row 78: OIDC Core, section 9: private_key_jwt with `jwks` by value."""
    key = AssertionKey()
    party = desk.registered(token_endpoint_auth_method="private_key_jwt", jwks=key_set(key)).party()
    code = party.code(desk.tester())
    proof = assertion_form(key.sign(assertion_claims(party.id, desk.app.issuer, desk.app.clock.now())))
    assert success(_exchange_with(party, code, proof))["id_token"]


def test_secrets_and_tokens_are_stored_as_digests_only(desk: Desk) -> None:
    """rows 53, 84: neither the client secret nor the registration access token stands in the database."""
    app = desk.registered()
    client = app.party().client
    token, secret = app.information["registration_access_token"], app.information["client_secret"]
    assert client.registration_token_hash == hashlib.sha256(token.encode()).digest()
    assert client.secret_hash == hashlib.sha256(secret.encode()).digest()
    files = [file for file in desk.app.settings.data_dir.rglob("*") if file.is_file()]
    kept = b"".join(file.read_bytes() for file in files)
    assert app.id.encode() in kept
    assert token.encode() not in kept and secret.encode() not in kept


# ---------------------------------------------------------------------------------------- row 80: grants and responses
@pytest.mark.parametrize(
    "members",
    [
        {"grant_types": ["password"]},
        {"grant_types": ["implicit"]},
        {"grant_types": ["client_credentials"]},
        {"grant_types": ["authorization_code", "bogus"]},
        {"grant_types": ["refresh_token"]},
        {"grant_types": "authorization_code"},
        {"response_types": ["token"]},
        {"response_types": ["id_token"]},
        {"response_types": ["code", "code id_token"]},
        {"response_types": ["none"]},
        {"response_types": "code"},
        {"grant_types": ["refresh_token"], "response_types": ["code"]},
    ],
)
def test_grant_types_and_response_types_are_known_and_consistent(desk: Desk, members: dict[str, Any]) -> None:
    """row 80: RFC 7591, sections 2, 2.1 and 3.2.2."""
    assert error_of(desk.ask(**members)) == "invalid_client_metadata"


def test_exactly_the_advertised_grants_and_methods_can_be_registered(desk: Desk) -> None:
    """rows 4, 80: what discovery says and what registration takes are the same."""
    document = desk.app.json("/.well-known/openid-configuration")
    grants = document["grant_types_supported"]
    everything = desk.registered(desk.initial_token(), grant_types=grants)
    assert sorted(everything.information["grant_types"]) == sorted(grants)
    for method in ("client_secret_basic", "client_secret_post", "private_key_jwt", "none", "client_secret_jwt", "x"):
        keys = {"jwks": key_set(AssertionKey())} if method == "private_key_jwt" else {}
        status = desk.ask(token_endpoint_auth_method=method, **keys).status_code
        assert status == (201 if method in document["token_endpoint_auth_methods_supported"] else 400)


def test_unknown_members_are_ignored_and_not_kept(desk: Desk) -> None:
    """row 80: RFC 7591, section 2: also names in other languages, which nobody would check."""
    information = desk.registered(bogus={"deep": [1, 2]}, **{"client_name#zh": "别的", "x_y": None}).information
    assert not {"bogus", "client_name#zh", "x_y"} & information.keys()


def test_null_and_empty_values_mean_that_a_member_is_left_out(desk: Desk) -> None:
    """RFC 7592, section 2.2."""
    empty = {"client_name": "", "contacts": [], "logo_uri": "", "default_max_age": None, "jwks": None}
    host = desk.fresh_host()
    plain = desk.registered(redirect_uris=[f"https://{host}/a"]).metadata
    same = desk.post({"redirect_uris": [f"https://{host}/a"], **empty}).json
    assert isinstance(same, dict)
    assert {name: value for name, value in same.items() if name in plain and name != "client_id"} == {
        name: value for name, value in plain.items() if name != "client_id"
    }


def test_scopes_that_do_not_exist_here_are_dropped_and_the_answer_says_so(desk: Desk) -> None:
    """RFC 7591, section 2: many libraries ask for profile and email; `age_tokens` is for wallets of the operator."""
    asked = "openid profile email age phone address age_tokens"
    assert desk.registered(scope=asked).information["scope"] == "openid age"
    assert error_of(desk.ask(scope="profile email")) == "invalid_client_metadata"


def test_an_app_that_refreshes_may_ask_for_offline_access(desk: Desk) -> None:
    """RFC 7591, section 2: the default scope follows from the grants."""
    information = desk.registered(grant_types=["authorization_code", "refresh_token"]).information
    assert information["scope"] == "openid age offline_access"


# --------------------------------------------------------------------------------------------- row 83: shown to people
def test_what_an_app_says_of_itself_is_shown_escaped_and_unverified(desk: Desk) -> None:
    """row 83: OIDC Registration, section 2; RFC 7591, section 5: the logo is not loaded from the app."""
    host = desk.fresh_host()
    party = desk.registered(
        redirect_uris=[f"https://{host}/cb"], client_name="Tom & <b>Jerry</b>", logo_uri=f"https://{host}/logo.png",
        policy_uri=f"https://{host}/privacy", tos_uri=f"https://{host}/terms?a=1&b=2",
        blindage_manifest={"purpose": "<script>alert(1)</script>", "agreement_version": "Agreement 7"},
    ).party()  # fmt: skip
    tester = desk.tester()
    page = tester.browser.follow(party.ask(tester.browser, ui_locales="en"))
    page = tester.browser.follow(tester.browser.sign_in(tester.username, page))
    assert "Tom &amp; &lt;b&gt;Jerry&lt;/b&gt;" in page.text and "<b>Jerry" not in page.text
    assert "&lt;script&gt;" in page.text and "<script>alert" not in page.text
    assert f'href="https://{host}/privacy"' in page.text
    assert f'href="https://{host}/terms?a=1&amp;b=2"' in page.text
    assert "has not reviewed this app" in page.text and host in page.text
    assert "Agreement 7" in page.text
    assert "logo.png" not in page.text


def test_an_app_that_waits_for_its_review_signs_in_testers_only(desk: Desk) -> None:
    """issue: open registration gives a pending client; after the review everybody may sign in."""
    app, person = desk.registered(), desk.app.person()
    answer = person.browser.complete(app.party().ask(person.browser), person.username)
    assert answer.status_code == 200 and "name=\"decision\" value=\"allow\"" not in answer.text
    assert "code" in app.party().sign_in(desk.tester())
    app.review()
    assert "code" in app.party().sign_in(desk.app.person())


# ------------------------------------------------------------------------------------------ row 85: who registers what
def test_open_registration_is_limited_by_network(desk: Desk) -> None:
    """row 85: RFC 7591, section 5: 429 with Retry-After; another network goes on."""
    peer = desk.app.fresh_address()
    statuses = []
    for _ in range(25):
        document = {"redirect_uris": [f"https://{desk.fresh_host()}/cb"]}
        answer = desk.post(document, peer=peer)
        statuses.append(answer.status_code)
    assert statuses[0] == 201 and statuses[-1] == 429 and statuses.count(201) <= 21
    assert int(answer.headers["Retry-After"]) > 0
    assert desk.ask().status_code == 201


def test_registrars_are_not_limited(desk: Desk) -> None:
    """row 85: the holder of an initial access token is known."""
    token, peer = desk.initial_token(), desk.app.fresh_address()
    for _ in range(30):
        document = {"redirect_uris": [f"https://{desk.fresh_host()}/cb"]}
        assert desk.post(document, token, peer=peer).status_code == 201


def test_an_app_of_a_registrar_is_active_at_once(desk: Desk) -> None:
    """row 85: RFC 7591, section 3; it is its registrar's."""
    app = desk.registered(desk.initial_token("Play Store"))
    assert app.information["blindage_state"] == "active"
    client = app.party().client
    assert client.owner == "Play Store" and client.reviewed_at == desk.app.clock.now()
    assert "code" in app.party().sign_in(desk.app.person())


@pytest.mark.parametrize(
    "header", ["Bearer nonsense", "Bearer ", "Bearer", "Basic eDp5", "DPoP abc", "bearer \xff", "x"]
)
def test_a_bad_initial_access_token_is_not_open_registration(desk: Desk, header: str) -> None:
    """row 85: RFC 6750, section 3.1: a token that is sent and not good is refused, not passed over."""
    body = json.dumps({"redirect_uris": ["https://bad.example/cb"]}).encode()
    answer = desk.app.send(
        "POST", "/register", body=body, content_type="application/json", headers={"Authorization": header}
    )
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_an_initial_access_token_expires(desk: Desk) -> None:
    """row 85: it is good for any number of apps until then."""
    token = desk.initial_token(seconds=60)
    assert desk.ask(token).status_code == 201
    assert desk.ask(token).status_code == 201
    desk.app.clock.advance(60)
    assert error_of(desk.ask(token), 401) == "invalid_token"


def test_a_token_of_another_kind_is_no_initial_access_token(desk: Desk) -> None:
    """RFC 8725, section 3.11: an access token, or a registration access token, registers nothing."""
    app = desk.registered()
    tokens = app.party().tokens(desk.tester())
    for token in (tokens["access_token"], tokens["id_token"], app.information["registration_access_token"]):
        assert error_of(desk.ask(token), 401) == "invalid_token"


def test_registration_can_be_closed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """row 85: BLINDAGE_REGISTRATION=token."""
    with open_desk(tmp_path_factory.mktemp("closed"), open_registration=False) as desk:
        assert desk.ask().status_code == 401
        assert desk.ask(desk.initial_token()).status_code == 201


def test_software_statements_are_refused(desk: Desk) -> None:
    """row 85: RFC 7591, sections 2.3 and 3.2.2: nobody's are approved."""
    assert error_of(desk.ask(software_statement="e30.e30.c2ln")) == "unapproved_software_statement"


def test_pkce_is_required_of_what_registers_itself(desk: Desk) -> None:
    """row 40: an app may opt out if it is confidential, and a registrar for those that do not say."""
    without = {"code_challenge": None, "code_challenge_method": None}
    assert error_of(desk.registered().party().push(**without)) == "invalid_request"
    assert desk.registered(blindage_require_pkce=False).party().push(**without).status_code == 201
    public = {"token_endpoint_auth_method": "none"}
    assert error_of(desk.ask(blindage_require_pkce=False, **public)) == "invalid_client_metadata"
    token = desk.initial_token(require_pkce=False)
    assert desk.registered(token).party().push(**without).status_code == 201
    assert desk.registered(token, **public).information["blindage_require_pkce"] is True


def test_the_endpoint_is_advertised_and_answers_post_only(desk: Desk) -> None:
    """row 4: OIDC Discovery, section 3."""
    document = desk.app.json("/.well-known/openid-configuration")
    assert document["registration_endpoint"] == f"{desk.app.issuer}/register"
    for method in ("GET", "PUT", "DELETE", "HEAD", "PATCH"):
        answer = desk.app.send(method, "/register")
        assert answer.status_code == 405 and answer.headers["Allow"] == "POST"


def _exchange_with(party: RelyingParty, code: str, proof: dict[str, str]) -> TestResponse:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": party.callback, "code_verifier": VERIFIER}
    return party.app.send("POST", "/token", {**form, **proof})
