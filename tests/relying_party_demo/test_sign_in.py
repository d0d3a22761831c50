"""The app signs in by the book: PKCE, state, nonce, iss; it keeps a pseudonym and a band."""

from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crypto.jwt import unverified_claims
from crypto.pkce import is_challenge
from relying_party_demo.application import create_application
from relying_party_demo.configuration import read_configuration
from relying_party_demo.id_tokens import MOST, KeptIdTokens
from relying_party_demo.languages import WORDS
from relying_party_demo.sign_in import SESSION_LIFETIME
from tests.relying_party_demo.fake_issuer import CLIENT_ID, SUBJECT, FakeIssuer, callback


def sign_in(browser: FlaskClient, issuer: FakeIssuer) -> None:
    answer = browser.get(callback(issuer.authorize(browser.get("/sign-in").location)))
    assert answer.status_code == 303 and answer.location == "/"


def area(browser: FlaskClient) -> str:
    page = browser.get("/").text
    return page.partition('data-area="')[2].partition('"')[0]


def test_request_carries_scope_state_nonce_and_an_s256_challenge(browser: FlaskClient, issuer: FakeIssuer) -> None:
    location = browser.get("/sign-in").location
    assert location.startswith(issuer.url + "/authorize?")
    asked = {name: values for name, values in parse_qs(urlsplit(location).query).items()}
    assert asked["scope"] == ["openid age"] and asked["response_type"] == ["code"]
    assert asked["client_id"] == [CLIENT_ID]
    assert asked["redirect_uri"] == ["http://app.localhost:9002/callback"]
    assert asked["code_challenge_method"] == ["S256"] and is_challenge(asked["code_challenge"][0])
    assert len(asked["state"][0]) >= 20 and len(asked["nonce"][0]) >= 20
    assert asked["ui_locales"] == ["en"]
    again = parse_qs(urlsplit(browser.get("/sign-in").location).query)
    assert all(again[name] != asked[name] for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize("band", ["minor", "adult"])
def test_band_opens_its_area(browser: FlaskClient, issuer: FakeIssuer, band: str) -> None:
    issuer.claims = {"age_band": band}
    assert area(browser) == "anonymous"
    sign_in(browser, issuer)
    assert area(browser) == band
    assert browser.get("/films/night-train").status_code == (200 if band == "adult" else 403)
    assert browser.get("/films/observatory-club").status_code == 200
    assert ("Night Train" in browser.get("/").text) == (band == "adult")


def test_anonymous_visitors_see_what_is_for_everybody(browser: FlaskClient) -> None:
    assert browser.get("/films/paper-boat").status_code == 200
    for gated in ("observatory-club", "night-train"):
        answer = browser.get(f"/films/{gated}")
        assert answer.status_code == 403 and "Sign in" in answer.text
    assert browser.get("/films/no-such").status_code == 404


def test_session_holds_pseudonym_and_band_and_nothing_else(browser: FlaskClient, issuer: FakeIssuer) -> None:
    issuer.claims = {"age_over_18": True, "name": "Somebody", "sid": "x"}
    sign_in(browser, issuer)
    with browser.session_transaction() as session:
        assert dict(session) == {"sub": SUBJECT, "age_band": "adult"}


def test_session_ends_after_an_hour(app: Flask, browser: FlaskClient, issuer: FakeIssuer,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(browser, issuer)
    monkeypatch.setitem(app.config, "PERMANENT_SESSION_LIFETIME", -SESSION_LIFETIME)
    assert area(browser) == "anonymous"


def test_sign_in_opens_no_session_of_another_app(browser: FlaskClient, issuer: FakeIssuer, app: Flask) -> None:
    sign_in(browser, issuer)
    cookie = browser.get_cookie("session")
    environ = {"DEMO_ISSUER": issuer.url, "DEMO_CLIENT_ID": "another", "DEMO_CLIENT_SECRET": "other"}
    other = create_application(read_configuration(environ, 9003)).test_client()
    assert cookie is not None
    other.set_cookie("session", cookie.value)
    assert area(other) == "anonymous"


def test_many_begun_sign_ins_leave_the_cookie_small(browser: FlaskClient, issuer: FakeIssuer) -> None:
    for _ in range(10):
        first = browser.get("/sign-in").location
        second = browser.get("/sign-in").location
    cookie = browser.get_cookie("session")
    assert cookie is not None and len(cookie.value) < 3000
    # Two tabs at once are fine.
    assert browser.get(callback(issuer.authorize(first))).status_code == 303
    assert second != first


def test_sign_out_forgets_the_person(browser: FlaskClient, issuer: FakeIssuer) -> None:
    sign_in(browser, issuer)
    answer = browser.post("/sign-out")
    assert (answer.status_code, answer.location) == (303, "/signed-out?here")
    assert WORDS["en"]["signed_out_here"] in browser.get(answer.location).text
    assert area(browser) == "anonymous"


def test_sign_out_goes_on_at_an_issuer_that_offers_it(browser: FlaskClient, issuer: FakeIssuer) -> None:
    issuer.metadata = {"end_session_endpoint": issuer.url + "/logout"}
    sign_in(browser, issuer)
    answer = browser.post("/sign-out")
    asked = parse_qs(urlsplit(answer.location).query)
    assert answer.status_code == 303 and answer.location.startswith(issuer.url + "/logout?")
    assert asked["client_id"] == [CLIENT_ID] and asked["ui_locales"] == ["en"]
    assert unverified_claims(asked["id_token_hint"][0])["sub"] == SUBJECT
    assert asked["post_logout_redirect_uri"] == ["http://app.localhost:9002/signed-out"]
    assert WORDS["en"]["signed_out"] in browser.get("/signed-out?state=" + asked["state"][0]).text
    with browser.session_transaction() as session:
        assert dict(session) == {}


def test_issuer_that_cannot_be_reached_does_not_keep_anybody_signed_in(
    app: Flask, browser: FlaskClient, issuer: FakeIssuer
) -> None:
    issuer.metadata = {"end_session_endpoint": issuer.url + "/logout"}
    sign_in(browser, issuer)
    client = app.extensions["authlib.integrations.flask_client"].blindage
    client.server_metadata.clear()
    issuer.broken = {"/.well-known/openid-configuration": (500, b"")}
    assert browser.post("/sign-out").location == "/signed-out?here"
    assert area(browser) == "anonymous"


def test_id_tokens_are_kept_for_a_while_and_not_without_bound() -> None:
    kept = KeptIdTokens(3600)
    for number in range(MOST + 1):
        kept.keep(str(number), "token")
    assert kept.take("0") is None and kept.take(str(MOST)) == "token"
    kept.keep("1", "newer")
    kept.keep("one more", "token")
    kept.keep("and more", "token")
    assert kept.take("1") == "newer" and kept.take("2") is None
    assert kept.take("1") is None
    forgetful = KeptIdTokens(0)
    forgetful.keep("a", "token")
    assert forgetful.take("a") is None


def test_other_sites_cannot_sign_a_person_out(browser: FlaskClient, issuer: FakeIssuer) -> None:
    sign_in(browser, issuer)
    assert browser.post("/sign-out", headers={"Origin": "http://elsewhere.example"}).status_code == 403
    browser.get("/signed-out")
    assert area(browser) == "adult"
    assert browser.post("/sign-out", headers={"Origin": "http://app.localhost:9002"}).status_code == 303


@pytest.mark.parametrize(("asked", "lang", "word"), [
    ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans", "zh"), ("en-GB,en", "en", "en"), ("fr", "en", "en"), ("", "en", "en"),
])
def test_pages_speak_the_browsers_language(browser: FlaskClient, asked: str, lang: str, word: str) -> None:
    answer = browser.get("/", headers={"Accept-Language": asked})
    assert f'<html lang="{lang}">' in answer.text
    assert f"<button>{WORDS[word]['sign_in']}</button>" in answer.text
    location = browser.get("/sign-in", headers={"Accept-Language": asked}).location
    assert parse_qs(urlsplit(location).query)["ui_locales"] == [lang]


def test_every_text_exists_in_both_languages() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    assert all(text.strip() for words in WORDS.values() for text in words.values())


def test_pages_forbid_scripts_frames_and_foreign_forms(browser: FlaskClient, issuer: FakeIssuer) -> None:
    headers = browser.get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script" not in policy
    assert f"form-action 'self' {issuer.url};" in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_servers_reach_an_issuer_whose_name_only_browsers_know(issuer: FakeIssuer) -> None:
    reached_at = issuer.url
    issuer.url = "http://door.localhost:1"
    environ = {
        "DEMO_ISSUER": issuer.url, "DEMO_SERVER_ISSUER_URL": reached_at,
        "DEMO_CLIENT_ID": CLIENT_ID, "DEMO_CLIENT_SECRET": "demo secret/with+signs",
    }
    browser = create_application(read_configuration(environ, 9002)).test_client()
    assert browser.get("/sign-in").location.startswith("http://door.localhost:1/authorize?")
    sign_in(browser, issuer)
    assert area(browser) == "adult"
