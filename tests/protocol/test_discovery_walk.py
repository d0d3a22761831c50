"""The discovery document, member by member: what it advertises works, what it does not advertise is refused.

A member that no test shows to be true fails, so that nothing is advertised unseen.
"""

import json
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from idp.domain.age import Assurance, Band
from idp.domain.client import Category
from idp.domain.errors import Refused
from tests.app import ADULT, MINOR, App
from tests.assertion_client import AssertionKey, assertion_claims, assertion_form, key_set
from tests.relying_party import error_of
from tests.web.visitor import forms_of, returned

OTHER_ALGS = ("none", "HS256", "HS512", "RS512", "PS256", "ES384", "ES256K", "rs256")
RESPONSE_TYPES = (
    "code", "token", "id_token", "id_token token", "code token", "code id_token", "code id_token token", "none", "CODE",
)  # fmt: skip
RESPONSE_MODES = ("query", "form_post", "fragment", "web_message", "jwt", "query.jwt", "form_post.jwt", "QUERY")
GRANT_TYPES = (
    "authorization_code", "refresh_token", "password", "implicit", "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer", "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:openid:params:grant-type:ciba", "urn:ietf:params:oauth:grant-type:pre-authorized_code",
)  # fmt: skip
SCOPES = ("openid", "age", "offline_access", "age_tokens", "profile", "email", "phone", "address", "bogus")
AUTH_METHODS = (
    "client_secret_basic", "client_secret_post", "private_key_jwt", "none", "client_secret_jwt", "tls_client_auth",
    "self_signed_tls_client_auth",
)  # fmt: skip
PROMPTS = ("none", "login", "consent", "select_account", "create", "dance")
# Shown by the test named; the other members have a probe in this file.
ELSEWHERE = {
    "issuer": "test_issuer_is_byte_equal_to_iss_everywhere",
    "subject_types_supported": "tests/protocol/test_pairwise.py",
    "claims_parameter_supported": "test_request_parameters_are_stated_explicitly_and_truthfully",
    "request_parameter_supported": "test_request_parameters_are_stated_explicitly_and_truthfully",
    "request_uri_parameter_supported": "test_request_parameters_are_stated_explicitly_and_truthfully",
    "require_request_uri_registration": "says no more than that request_uri is not supported",
    "authorization_response_iss_parameter_supported": "tests/web/test_authorize_response.py",
    "claim_types_supported": "normal claims are the only ones there are",
    "backchannel_logout_supported": "rows 90 and 91",
    "backchannel_logout_session_supported": "row 92",
}


@pytest.fixture(scope="module")
def document(app: App) -> dict[str, Any]:
    """The discovery document."""
    read = app.json("/.well-known/openid-configuration")
    assert isinstance(read, dict)
    return read


def test_every_member_has_a_probe(document: dict[str, Any]) -> None:
    """row 4: a member that nothing shows to be true must not be advertised."""
    endpoints = {name for name in document if name.endswith("_endpoint") or name == "jwks_uri"}
    probed = endpoints | ELSEWHERE.keys() | PROBED
    assert document.keys() - probed == set()


def test_every_advertised_endpoint_exists(app: App, document: dict[str, Any]) -> None:
    """row 4: OIDC Discovery, section 3: an address below the issuer that answers as an endpoint, not as no page."""
    for name in document:
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert document[name].startswith(f"{app.issuer}/"), name
            path = urlsplit(document[name]).path
            statuses = {app.send("GET", path).status_code, app.send("POST", path, {}).status_code}
            assert not statuses & {404, 500}, (name, statuses)
            assert statuses != {405}, name


def test_exactly_the_advertised_scopes_are_granted(app: App, document: dict[str, Any]) -> None:
    """row 4: `scopes_supported` (RFC 6749, section 3.3)."""
    advertised = document["scopes_supported"]
    party = app.register_client(scope=frozenset(advertised))
    tokens = party.tokens(app.person(), scope=" ".join((*advertised, *SCOPES)))
    assert tokens["scope"].split(" ") == advertised
    for scope in set(SCOPES) - set(advertised):
        with pytest.raises(Refused, match="scope"):
            app.register_client(scope=frozenset({"openid", scope}))


def test_exactly_the_advertised_response_types_are_answered(app: App, document: dict[str, Any]) -> None:
    """row 4: `response_types_supported` (RFC 6749, section 4.1.2.1)."""
    party, browser = app.register_client(), app.browser()
    errors = {one: party.refused(browser, response_type=one, prompt="none") for one in RESPONSE_TYPES}
    assert set(errors.values()) == {"login_required", "unsupported_response_type"}
    working = {one for one, error in errors.items() if error == "login_required"}
    assert working == set(document["response_types_supported"])


def test_exactly_the_advertised_response_modes_are_used(app: App, document: dict[str, Any]) -> None:
    """row 4: `response_modes_supported` (OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1)."""
    party, browser = app.register_client(), app.browser()
    working = set()
    for mode in RESPONSE_MODES:
        answer = party.ask(browser, response_mode=mode, prompt="none")
        error = forms_of(answer)[0].fields["error"] if answer.status_code == 200 else returned(answer)["error"]
        assert error in ("login_required", "invalid_request")
        if error == "login_required":
            working.add(mode)
    assert working == set(document["response_modes_supported"])


def test_exactly_the_advertised_grant_types_are_known(app: App, document: dict[str, Any]) -> None:
    """row 4: `grant_types_supported` (RFC 6749, section 5.2)."""
    party = app.register_client()
    known = {
        grant_type for grant_type in GRANT_TYPES
        if error_of(party.post("/token", {"grant_type": grant_type})) != "unsupported_grant_type"
    }  # fmt: skip
    assert known == set(document["grant_types_supported"])


@pytest.mark.parametrize(
    ("member", "setting"),
    [
        ("id_token_signing_alg_values_supported", "id_token_signed_response_alg"),
        ("userinfo_signing_alg_values_supported", "userinfo_signed_response_alg"),
        ("introspection_signing_alg_values_supported", "introspection_signed_response_alg"),
    ],
)
def test_exactly_the_advertised_signing_algorithms_sign(
    app: App, document: dict[str, Any], member: str, setting: str
) -> None:
    """row 4: OIDC Discovery, section 3; RFC 9701, section 7."""
    for alg in document[member]:
        party = app.register_client(**{setting: alg})
        tokens = party.tokens(app.person())
        signed = {
            "id_token": tokens["id_token"],
            "userinfo": party.userinfo(tokens["access_token"]).text,
            "introspection": party.introspect(tokens["access_token"]).text,
        }[member.partition("_signing")[0]]
        assert app.verified(signed)[0]["alg"] == alg
    for alg in OTHER_ALGS:
        with pytest.raises(Refused):
            app.register_client(**{setting: alg})


@pytest.mark.parametrize("endpoint", ["token", "revocation", "introspection"])
def test_exactly_the_advertised_client_authentication_methods_work(
    app: App, document: dict[str, Any], endpoint: str
) -> None:
    """row 4: `..._endpoint_auth_methods_supported` (RFC 8414, section 2)."""
    path = urlsplit(document[f"{endpoint}_endpoint"]).path
    working = {method for method in AUTH_METHODS if _working_method(app, path, method)}
    assert working == set(document[f"{endpoint}_endpoint_auth_methods_supported"])


@pytest.mark.parametrize("endpoint", ["token", "revocation", "introspection"])
def test_exactly_the_advertised_algorithms_sign_client_assertions(
    app: App, document: dict[str, Any], endpoint: str
) -> None:
    """row 4: `..._endpoint_auth_signing_alg_values_supported` (RFC 8414, section 2)."""
    path = urlsplit(document[f"{endpoint}_endpoint"]).path
    for alg in document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]:
        assert _working_method(app, path, "private_key_jwt", alg)
    for alg in OTHER_ALGS:
        with pytest.raises(Refused):
            app.register_client(token_endpoint_auth_signing_alg=alg)


def test_exactly_the_advertised_algorithms_sign_dpop_proofs(app: App, document: dict[str, Any]) -> None:
    """row 4: `dpop_signing_alg_values_supported` (RFC 9449, section 5.1)."""
    party = app.register_client()
    for alg in document["dpop_signing_alg_values_supported"]:
        assert party.with_dpop(alg).tokens(app.person())["token_type"] == "DPoP"
    client = party.with_dpop().dpop
    assert client is not None
    for alg in OTHER_ALGS:
        proof = client.sign(client.claims("POST", "/token"), alg=alg)
        answer = party.post("/token", {"grant_type": "refresh_token", "refresh_token": "x"}, headers={"DPoP": proof})
        assert error_of(answer) == "invalid_dpop_proof"


def test_exactly_the_advertised_algorithms_sign_request_objects(app: App, document: dict[str, Any]) -> None:
    """row 4: `request_object_signing_alg_values_supported` (OIDC Discovery, section 3)."""
    now = app.clock.now()
    for alg in document["request_object_signing_alg_values_supported"]:
        key = AssertionKey(alg)
        party = app.register_client(jwks=key_set(key))
        claims = {**party.parameters(prompt="none"), **assertion_claims(party.id, app.issuer, now, sub=None)}
        signed = key.sign(claims, typ="oauth-authz-req+jwt")
        query = urlencode({"client_id": party.id, "request": signed})
        assert returned(app.browser().get(f"/authorize?{query}"))["error"] == "login_required"
        for other in OTHER_ALGS:
            forged = key.sign(claims, typ="oauth-authz-req+jwt", alg=other)
            query = urlencode({"client_id": party.id, "request": forged})
            assert app.browser().get(f"/authorize?{query}").status_code == 400


def test_pushing_is_required_as_advertised(app: App, document: dict[str, Any]) -> None:
    """row 4: `require_pushed_authorization_requests` (RFC 9126, section 5)."""
    error = app.register_client().refused(app.browser(), prompt="none")
    assert (error != "login_required") is document["require_pushed_authorization_requests"]


def test_exactly_the_advertised_challenge_methods_are_taken(app: App, document: dict[str, Any]) -> None:
    """row 4: `code_challenge_methods_supported` (RFC 7636, section 6.2.1)."""
    party, browser = app.register_client(), app.browser()
    methods = ("S256", "plain", "S512", "s256")
    taken = {m for m in methods if party.refused(browser, code_challenge_method=m, prompt="none") == "login_required"}
    assert taken == set(document["code_challenge_methods_supported"])


def test_exactly_the_advertised_prompts_are_taken(app: App, document: dict[str, Any]) -> None:
    """rows 4, 24: `prompt_values_supported` (Initiating User Registration 1.0, section 4)."""
    party, browser = app.register_client(), app.browser()
    taken = set()
    for prompt in PROMPTS:
        answer = party.ask(browser, prompt=prompt)
        if not answer.location.startswith(party.callback) or returned(answer)["error"] != "invalid_request":
            taken.add(prompt)
    assert taken == set(document["prompt_values_supported"])


def test_every_advertised_acr_can_be_met(app: App, document: dict[str, Any]) -> None:
    """row 4: `acr_values_supported` (OIDC Discovery, section 3)."""
    party = app.register_client()
    for acr in document["acr_values_supported"]:
        tokens = party.tokens(app.person(ADULT, Assurance(acr)), acr_values=acr)
        assert app.verified(tokens["id_token"])[1]["acr"] == acr


def test_exactly_the_advertised_claims_are_told(app: App, document: dict[str, Any]) -> None:
    """row 4: `claims_supported` (OIDC Discovery, section 3); `at_hash` is the protocol's, nobody asks for it."""
    advertised = set(document["claims_supported"])
    asked = (*advertised, "email", "birthdate", "name", "age_over_21", "age")
    wanted = json.dumps({"id_token": dict.fromkeys(asked)})
    # A minor of 15 within the hour that the policy leaves for games.
    opens = app.provider.realm.curfew.opens_next(Band.MINOR, Category.GAME, app.clock.now())
    assert opens is not None
    app.clock.advance(opens - app.clock.now() + 60)
    told: set[str] = set()
    for thresholds in ((3, 8, 12), (14, 16, 18)):
        party = app.register_client(
            thresholds=thresholds, category=Category.GAME, backchannel_logout_session_required=True,
            backchannel_logout_uri="https://app.example/logout",
        )  # fmt: skip
        tokens = party.tokens(app.person(MINOR), claims=wanted, acr_values="standard")
        told |= app.verified(tokens["id_token"])[1].keys()
    assert told - {"at_hash"} == advertised


@pytest.mark.parametrize("tag", ["en", "zh-Hans"])
def test_every_advertised_language_is_spoken(app: App, document: dict[str, Any], tag: str) -> None:
    """row 4: `ui_locales_supported` (OIDC Discovery, section 3)."""
    assert tag in document["ui_locales_supported"] and len(document["ui_locales_supported"]) == 2
    browser = app.browser()
    page = browser.follow(app.register_client().ask(browser, ui_locales=tag))
    assert f'<html lang="{tag}"' in page.text


PROBED = {
    "scopes_supported", "response_types_supported", "response_modes_supported", "grant_types_supported",
    "id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported",
    "introspection_signing_alg_values_supported", "dpop_signing_alg_values_supported",
    "request_object_signing_alg_values_supported",
    "require_pushed_authorization_requests", "code_challenge_methods_supported", "prompt_values_supported",
    "acr_values_supported", "claims_supported", "ui_locales_supported",
    *(f"{name}_endpoint_auth_methods_supported" for name in ("token", "revocation", "introspection")),
    *(f"{name}_endpoint_auth_signing_alg_values_supported" for name in ("token", "revocation", "introspection")),
}  # fmt: skip


def _working_method(app: App, path: str, method: str, alg: str = "ES256") -> bool:
    """Whether a client can register for this method and is then let in."""
    key = AssertionKey(alg) if method == "private_key_jwt" else None
    try:
        party = app.register_client(token_endpoint_auth_method=method, jwks=key_set(key) if key is not None else None)
    except Refused:
        return False
    proof = {}
    if key is not None:
        proof = assertion_form(key.sign(assertion_claims(party.id, app.issuer, app.clock.now())))
    answer = party.post(path, {"token": "x", "grant_type": "refresh_token", **proof})
    assert answer.status_code in (200, 400, 401)
    return answer.status_code != 401
