"""What the app does not believe: nobody is signed in, and a page says so in a sentence."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from crypto.jwk import SigningKey
from crypto.jwt import JwtSigner
from relying_party_demo.languages import WORDS
from tests.relying_party_demo.fake_issuer import CLIENT_ID, FakeIssuer, callback, unsigned_token


def begin(browser: FlaskClient, issuer: FakeIssuer) -> dict[str, str]:
    return issuer.authorize(browser.get("/sign-in").location)


def assert_refused(browser: FlaskClient, answer: TestResponse, word: str, status: int) -> None:
    assert answer.status_code == status
    assert f'data-message="{word}"' in answer.text and WORDS["en"][word] in answer.text
    assert 'data-area="anonymous"' in browser.get("/").text


@pytest.mark.parametrize("iss", ["http://127.0.0.1:1", None, ""])
def test_answer_of_another_issuer_is_refused_before_the_code_is_used(
    browser: FlaskClient, issuer: FakeIssuer, iss: str | None
) -> None:
    parameters = begin(browser, issuer)
    wrong = {**parameters, "iss": iss} if iss is not None else {n: v for n, v in parameters.items() if n != "iss"}
    assert_refused(browser, browser.get(callback(wrong)), "untrusted", 400)
    assert issuer.token_requests == []
    # A mixed-up answer must not spoil the sign-in that is under way.
    assert browser.get(callback(parameters)).status_code == 303


@pytest.mark.parametrize("state", ["not-made-here", "", None])
def test_state_not_made_for_this_browser_is_refused(
    browser: FlaskClient, issuer: FakeIssuer, state: str | None
) -> None:
    parameters = begin(browser, issuer)
    wrong = {n: v for n, v in {**parameters, "state": state}.items() if v is not None}
    assert_refused(browser, browser.get(callback(wrong)), "expired", 400)
    assert issuer.token_requests == []


def test_callback_in_another_browser_is_refused(browser: FlaskClient, issuer: FakeIssuer) -> None:
    parameters = begin(browser, issuer)
    victim = browser.application.test_client()
    assert victim.get(callback(parameters)).status_code == 400
    assert issuer.token_requests == []


def test_answer_is_good_for_once(browser: FlaskClient, issuer: FakeIssuer) -> None:
    parameters = begin(browser, issuer)
    assert browser.get(callback(parameters)).status_code == 303
    assert browser.get(callback(parameters)).status_code == 400
    assert len(issuer.token_requests) == 1


@pytest.mark.parametrize("name", ["code", "state", "iss"])
def test_repeated_parameter_is_refused(browser: FlaskClient, issuer: FakeIssuer, name: str) -> None:
    parameters = begin(browser, issuer)
    answer = browser.get(f"{callback(parameters)}&{name}={parameters[name]}")
    assert_refused(browser, answer, "untrusted", 400)
    assert issuer.token_requests == []


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"aud": "another-app"},
        {"aud": None},
        {"aud": ["another-app"]},
        {"aud": "another-app", "azp": CLIENT_ID},
        {"aud": [CLIENT_ID, "another-app"], "azp": "another-app"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"age_band": None},
        {"age_band": "grown-up"},
        {"age_band": ["adult"]},
        {"age_band": True},
    ],
    ids=str,
)
def test_id_token_with_a_wrong_claim_is_refused(
    browser: FlaskClient, issuer: FakeIssuer, claims: dict[str, Any]
) -> None:
    issuer.claims = claims
    assert_refused(browser, browser.get(callback(begin(browser, issuer))), "untrusted", 400)
    assert len(issuer.token_requests) == 1


Forgery = Callable[[FakeIssuer], str]


def unsigned(issuer: FakeIssuer) -> str:
    return unsigned_token(issuer.honest_claims(), {"alg": "none"})


def unsigned_with_key_id(issuer: FakeIssuer) -> str:
    return unsigned_token(issuer.honest_claims(), {"alg": "none", "kid": issuer.key.kid})


def critical_is_a_number(issuer: FakeIssuer) -> str:
    return unsigned_token(issuer.honest_claims(), {"alg": "RS256", "kid": issuer.key.kid, "crit": 1}) + "AAAA"


def signed_by_a_stranger(issuer: FakeIssuer) -> str:
    stranger = SigningKey("RS256", issuer.key.kid, SigningKey.generate("RS256").private)
    return JwtSigner(stranger).sign(issuer.honest_claims())


def signed_by_another_algorithm_of_the_issuer(issuer: FakeIssuer) -> str:
    key = SigningKey.generate("ES256")
    issuer.other_keys.append(key)
    return JwtSigner(key).sign(issuer.honest_claims())


def claims_changed_after_signing(issuer: FakeIssuer) -> str:
    issuer.claims = {"age_band": "minor"}
    head, _, signature = JwtSigner(issuer.key).sign(issuer.honest_claims()).split(".")
    issuer.claims = {}
    payload = JwtSigner(issuer.key).sign(issuer.honest_claims()).split(".")[1]
    return f"{head}.{payload}.{signature}"


@pytest.mark.parametrize(
    "forge",
    [
        unsigned,
        unsigned_with_key_id,
        critical_is_a_number,
        signed_by_a_stranger,
        signed_by_another_algorithm_of_the_issuer,
        claims_changed_after_signing,
        lambda issuer: "not.a.token",
        lambda issuer: "{}",
    ],
)
def test_id_token_without_the_registered_signature_is_refused(
    browser: FlaskClient, issuer: FakeIssuer, forge: Forgery
) -> None:
    parameters = begin(browser, issuer)
    issuer.id_token = forge(issuer)
    assert_refused(browser, browser.get(callback(parameters)), "untrusted", 400)
    assert len(issuer.token_requests) == 1


def test_refusal_of_the_person_is_a_friendly_page(browser: FlaskClient, issuer: FakeIssuer) -> None:
    parameters = begin(browser, issuer)
    no = {"error": "access_denied", "state": parameters["state"], "iss": issuer.url}
    assert_refused(browser, browser.get(callback(no)), "declined", 403)
    # The answer counted: a code for the same state comes too late.
    assert browser.get(callback(parameters)).status_code == 400
    assert issuer.token_requests == []


def test_refusal_without_state_or_issuer_is_not_believed(browser: FlaskClient, issuer: FakeIssuer) -> None:
    parameters = begin(browser, issuer)
    assert browser.get(callback({"error": "access_denied", "iss": issuer.url})).status_code == 400
    assert browser.get(callback({"error": "access_denied", "state": parameters["state"]})).status_code == 400
    assert browser.get(callback(parameters)).status_code == 303


def test_text_in_the_answer_is_never_shown(browser: FlaskClient, issuer: FakeIssuer) -> None:
    parameters = begin(browser, issuer)
    hostile = {
        "error": "<script>e</script>", "error_description": "call 555-0100",
        "state": parameters["state"], "iss": issuer.url,
    }
    answer = browser.get(callback(hostile))
    assert answer.status_code == 403 and "script" not in answer.text and "555" not in answer.text


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "http://127.0.0.1:1"}, {"issuer": None}, {"token_endpoint": None}, {"jwks_uri": 7}],
    ids=str,
)
def test_metadata_of_another_issuer_is_not_used(
    browser: FlaskClient, issuer: FakeIssuer, metadata: dict[str, Any]
) -> None:
    issuer.metadata = metadata
    for _ in range(2):
        assert_refused(browser, browser.get("/sign-in"), "unreachable", 503)
    issuer.metadata = {}
    assert browser.get("/sign-in").status_code == 302


def test_log_names_the_kind_of_a_refusal_and_no_token(
    browser: FlaskClient, issuer: FakeIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    parameters = begin(browser, issuer)
    issuer.id_token = unsigned(issuer)
    browser.get(callback(parameters))
    assert "untrusted" in caplog.text
    assert issuer.id_token[:20] not in caplog.text and parameters["state"] not in caplog.text


@pytest.mark.parametrize(
    ("path", "status", "body", "word", "shown"),
    [
        ("/token", 500, b"<html>oops", "unreachable", 503),
        ("/token", 200, b"[1]", "untrusted", 400),
        ("/token", 200, b'{"access_token": "a", "token_type": "Bearer"}', "untrusted", 400),
        ("/token", 200, b'{"access_token": "a", "token_type": "Bearer", "id_token": 7}', "untrusted", 400),
        ("/token", 400, b'{"error": "invalid_grant"}', "untrusted", 400),
        ("/jwks", 500, b"oops", "unreachable", 503),
        ("/jwks", 200, b"oops", "unreachable", 503),
        ("/jwks", 200, b'{"keys": 1}', "untrusted", 400),
        ("/jwks", 200, b"{}", "untrusted", 400),
    ],
)
def test_broken_issuer_signs_nobody_in(
    browser: FlaskClient, issuer: FakeIssuer, path: str, status: int, body: bytes, word: str, shown: int
) -> None:
    parameters = begin(browser, issuer)
    issuer.broken = {path: (status, body)}
    assert_refused(browser, browser.get(callback(parameters)), word, shown)


@pytest.mark.parametrize("body", [b"oops", b"[]", b"1"])
def test_broken_metadata_is_a_page_and_not_an_error(browser: FlaskClient, issuer: FakeIssuer, body: bytes) -> None:
    issuer.broken = {"/.well-known/openid-configuration": (200, body)}
    assert_refused(browser, browser.get("/sign-in"), "unreachable", 503)


def test_new_key_of_the_issuer_is_found_without_a_restart(browser: FlaskClient, issuer: FakeIssuer) -> None:
    assert browser.get(callback(begin(browser, issuer))).status_code == 303
    issuer.key = SigningKey.generate("RS256")
    assert browser.get(callback(begin(browser, issuer))).status_code == 303
