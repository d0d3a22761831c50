"""Sign-in at the door as an app sees it: the same protocol, another interaction, no person."""

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from nacl.signing import SigningKey

from crypto.encoding import b64url_encode, lp
from crypto.veil import sector_seed
from idp.domain.client import ClientState
from idp.domain.errors import Refused
from idp.web.machine.paths import DOOR_ENDPOINTS
from tests.app import Person
from tests.relying_party import RelyingParty, error_of, success
from tests.veiled import Shown, Veiled, Wallet, presentation_of, told_app
from tests.web.visitor import returned


@pytest.fixture(scope="module")
def wallet(veiled: Veiled, adult: Person) -> Wallet:
    """An adult's."""
    return veiled.wallet(adult, 40)


def claims_of(veiled: Veiled, tokens: dict[str, Any]) -> dict[str, Any]:
    return veiled.door.verified(tokens["id_token"])[1]


# ----------------------------------------------------------------------------------------------------------- pseudonyms
def test_sub_is_the_documented_hash_of_the_sector_key(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app()
    key = SigningKey(sector_seed(wallet.seed, "https://door.example", app.client.sector))
    public = bytes(key.verify_key)
    digest = hashlib.sha256(lp("blindage/veil/sub/v1", "https://door.example", app.client.sector, public)).digest()
    claims = claims_of(veiled, wallet.tokens_of(app))
    assert claims["sub"] == b64url_encode(digest) and len(claims["sub"]) == 43


def test_wallet_is_known_again_by_one_app_and_by_no_other(veiled: Veiled, wallet: Wallet, adult: Person) -> None:
    app, other = veiled.app(), veiled.app()
    first, again, elsewhere = (claims_of(veiled, wallet.tokens_of(party))["sub"] for party in (app, app, other))
    emptied = veiled.wallet(adult, 1)
    assert first == again
    assert len({first, elsewhere, claims_of(veiled, emptied.tokens_of(app))["sub"]}) == 3


def test_apps_of_one_sector_share_a_pseudonym(veiled: Veiled, wallet: Wallet) -> None:
    """OIDC Core, section 8.1: the sector is what decides, here as at the account issuer."""
    uri = "https://both.example/callback"
    apps = [veiled.app(redirect_uris=(f"{uri}{n}",), name=f"Both {n}") for n in (1, 2)]
    assert len({claims_of(veiled, wallet.tokens_of(app))["sub"] for app in apps}) == 1


# -------------------------------------------------------------------------------------------------------------- answers
def test_id_token_says_a_band_and_nothing_of_a_person(veiled: Veiled, wallet: Wallet) -> None:
    tokens = wallet.tokens_of(veiled.app())
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    assert claims_of(veiled, tokens).keys() == {"iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", "age_band"}


def test_dropped_scopes_are_named_in_the_answer_and_nothing_is_refreshed(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app()
    tokens = wallet.tokens_of(app, scope="openid age profile offline_access age_tokens")
    assert tokens["scope"] == "openid age" and "refresh_token" not in tokens
    assert error_of(app.refresh("x")) == "unsupported_grant_type"
    with pytest.raises(Refused, match="grant"):
        veiled.door.register_client()
    with pytest.raises(Refused, match="scope"):
        veiled.app(scope=frozenset({"openid", "age_tokens"}))


@pytest.mark.parametrize(
    ("asked", "told"),
    [({}, None), ({"max_age": "0"}, 0), ({"max_age": "900"}, 0), ({"prompt": "login"}, 0),
     ({"claims": '{"id_token":{"auth_time":null}}'}, 0)],
)  # fmt: skip
def test_auth_time_is_that_of_the_presentation_where_it_is_asked_for(
    veiled: Veiled, wallet: Wallet, asked: dict[str, str], told: int | None
) -> None:
    app = veiled.app()
    shown = wallet.arrive(app, **asked)
    veiled.clock.advance(30)
    code = told_app(shown.post(wallet.fields(shown)))["code"]
    presented_at = veiled.clock.now()
    veiled.clock.advance(20)
    claims = claims_of(veiled, success(app.exchange(code)))
    assert claims.get("auth_time") == (None if told is None else presented_at + told)


@pytest.mark.parametrize(
    ("asked", "acr"),
    [({}, None), ({"acr_values": "standard"}, "standard"), ({"acr_values": "asserted"}, "standard"),
     ({"acr_values": "urn:other"}, "standard"),
     ({"claims": '{"id_token":{"acr":{"essential":true,"values":["standard"]}}}'}, "standard")],
)  # fmt: skip
def test_acr_is_standard_where_it_is_asked_for(
    veiled: Veiled, wallet: Wallet, asked: dict[str, str], acr: str | None
) -> None:
    assert claims_of(veiled, wallet.tokens_of(veiled.app(), **asked)).get("acr") == acr


@pytest.mark.parametrize(
    "asked",
    [{"acr_values": "strict"}, {"acr_values": "enhanced strict"},
     {"claims": '{"id_token":{"acr":{"essential":true,"value":"enhanced"}}}'},
     {"claims": '{"id_token":{"acr":{"essential":true,"value":"urn:other"}}}'}],
)  # fmt: skip
def test_level_beyond_standard_fails_before_a_token_is_shown(veiled: Veiled, asked: dict[str, str]) -> None:
    app = veiled.app()
    assert app.refused(veiled.door.browser(), **asked) == "unmet_authentication_requirements"


def test_prompt_none_is_answered_without_a_page(veiled: Veiled) -> None:
    app, browser = veiled.app(), veiled.door.browser()
    answer = app.ask(browser, prompt="none")
    assert answer.status_code == 303 and "Set-Cookie" not in answer.headers
    assert returned(answer)["error"] == "interaction_required"


def test_age_over_18_is_offered_and_no_other_threshold(veiled: Veiled, wallet: Wallet, minor: Person) -> None:
    asked = {"id_token": {"age_over_18": None, "age_over_16": None, "age_thresholds": None, "age_assurance": None}}
    app = veiled.app()
    for shower, over in ((wallet, True), (veiled.wallet(minor, 1), False)):
        claims = claims_of(veiled, shower.tokens_of(app, claims=json.dumps(asked)))
        assert {name: claims[name] for name in claims if name.startswith("age_")} == {
            "age_band": "adult" if over else "minor", "age_over_18": over,
        }  # fmt: skip
    with pytest.raises(Refused, match="threshold"):
        veiled.app(thresholds=(16,))


def test_another_wallet_than_the_app_means_is_told_apart_and_spends_nothing(
    veiled: Veiled, wallet: Wallet, adult: Person
) -> None:
    """OIDC Core, section 3.1.2.2: `id_token_hint` and the `sub` of `claims`."""
    app = veiled.app()
    hint = wallet.tokens_of(app)["id_token"]
    sub = veiled.door.verified(hint)[1]["sub"]
    other = veiled.wallet(adult, 2)
    for asked in ({"id_token_hint": hint}, {"claims": json.dumps({"id_token": {"sub": {"value": sub}}})}):
        shown, token = other.arrive(app, **asked), other.tokens[-1]
        assert told_app(shown.post(other.fields(shown, token)))["error"] == "login_required"
        assert "code" in told_app(wallet.present(app, **asked))
        assert "code" in told_app(other.present(app))


# ---------------------------------------------------------------------------------------------------------- code, grant
def test_code_ends_after_a_minute_and_its_grant_with_the_access_token(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app()
    code = wallet.code(app)
    veiled.clock.advance(60)
    assert error_of(app.exchange(code)) == "invalid_grant"
    tokens = wallet.tokens_of(app)
    assert tokens["expires_in"] == 300
    veiled.clock.advance(299)
    assert app.holds(tokens["access_token"])
    veiled.clock.advance(1)
    assert not app.holds(tokens["access_token"])


def test_replayed_code_revokes_what_it_led_to(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app()
    code = wallet.code(app)
    tokens = success(app.exchange(code))
    assert app.holds(tokens["access_token"])
    assert error_of(app.exchange(code)) == "invalid_grant"
    assert not app.holds(tokens["access_token"])


def test_code_is_bound_to_app_redirect_uri_and_verifier(veiled: Veiled, wallet: Wallet) -> None:
    app, other = veiled.app(), veiled.app()
    code = wallet.code(app)
    assert error_of(other.exchange(code)) == "invalid_grant"
    assert error_of(app.exchange(code, redirect_uri="https://evil.example/")) == "invalid_grant"
    assert error_of(app.exchange(code, code_verifier="x" * 43)) == "invalid_grant"
    assert app.exchange(code).status_code == 200


def test_code_of_one_issuer_is_nothing_to_the_other(veiled: Veiled, wallet: Wallet, adult: Person) -> None:
    here, there = veiled.app(), veiled.account.register_client()
    assert error_of(there.exchange(wallet.code(here))) == "invalid_grant"
    assert error_of(here.exchange(there.code(adult))) == "invalid_grant"
    token = wallet.tokens_of(here)["access_token"]
    assert not there.holds(token)
    assert not here.holds(there.tokens(adult)["access_token"])


def test_dpop_and_pushed_requests_work_as_at_the_account_issuer(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app(dpop_bound_access_tokens=True, require_pushed_authorization_requests=True).with_dpop()
    pushed = app.push()
    assert pushed.status_code == 201, pushed.text
    browser = veiled.door.browser()
    query = urlencode({"client_id": app.id, "request_uri": pushed.json["request_uri"]})
    page = browser.get(f"/authorize?{query}")
    shown = Shown(browser, presentation_of(page))
    tokens = success(app.exchange(told_app(shown.post(wallet.fields(shown)))["code"]))
    assert tokens["token_type"] == "DPoP" and app.holds(tokens["access_token"])


# ---------------------------------------------------------------------------------------------------------- the request
def test_unknown_app_or_address_gets_a_page_and_no_redirect(veiled: Veiled) -> None:
    app, browser = veiled.app(), veiled.door.browser()
    for changes in ({"client_id": "nobody"}, {"redirect_uri": "https://evil.example/"}):
        answer = app.ask(browser, **changes)
        assert answer.status_code == 400 and "Location" not in answer.headers


def test_app_that_is_not_reviewed_is_answered_by_a_page(veiled: Veiled) -> None:
    app = veiled.app(state=ClientState.PENDING)
    answer = app.ask(veiled.door.browser())
    assert answer.status_code == 400 and "Location" not in answer.headers


def test_page_holds_the_request_as_data_that_no_browser_runs(veiled: Veiled, wallet: Wallet) -> None:
    name = "A </script><script>alert(1)</script> & <!-- B"
    app = veiled.app(name=name)
    page = app.ask(veiled.door.browser(), state="</script>")
    assert page.text.count("<script") == 2 and "alert(1)</script" not in page.text
    shown = presentation_of(page)
    assert shown["app_name"] == name
    assert shown["app_domain"] == urlsplit(app.callback).netloc
    assert shown.keys() == {
        "door", "request_id", "sector", "app_domain", "app_name", "csrf", "request", "present", "expires_at",
    }  # fmt: skip


def test_request_sets_one_strict_cookie_which_dies_with_it(veiled: Veiled, wallet: Wallet) -> None:
    app, browser = veiled.app(), veiled.door.browser()
    asked = app.ask(browser)
    cookies = asked.headers.getlist("Set-Cookie")
    assert len(cookies) == 1
    name, _, attributes = cookies[0].partition("=")
    assert name == "__Host-blindage_request"
    rest = {part.strip() for part in attributes.split(";")[1:]}
    assert rest == {"Max-Age=900", "Path=/", "HttpOnly", "SameSite=Strict", "Secure"}
    shown = Shown(browser, presentation_of(asked))
    answered = shown.post(wallet.fields(shown))
    assert "Max-Age=0" in answered.headers["Set-Cookie"]
    assert browser.client.get_cookie("__Host-blindage_request", domain="door.example") is None


def test_two_visits_of_one_browser_share_nothing(veiled: Veiled) -> None:
    app, browser = veiled.app(), veiled.door.browser()
    first, second = (app.ask(browser) for _ in range(2))
    one, two = presentation_of(first), presentation_of(second)
    for name in ("request_id", "csrf", "request"):
        assert one[name] != two[name]
    assert first.headers["Set-Cookie"] != second.headers["Set-Cookie"]
    for page in (first, second, browser.get("/logout"), browser.get("/nowhere?lang=zh-Hans"), browser.get("/")):
        assert not {"ETag", "Last-Modified"} & set(page.headers.keys())
        assert page.headers["Cache-Control"] == "no-store"
        assert all(c.startswith("__Host-blindage_request=") for c in page.headers.getlist("Set-Cookie"))


# -------------------------------------------------------------------------------------------------------------- leaving
def test_sign_out_leads_back_and_ends_nothing(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app(post_logout_redirect_uris=("https://app.example/bye",))
    tokens = wallet.tokens_of(app)
    browser = veiled.door.browser()
    query = urlencode(
        {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "https://app.example/bye", "state": "s"}
    )
    answer = browser.get(f"/logout?{query}")
    assert answer.status_code == 303 and answer.location == "https://app.example/bye?state=s"
    assert app.holds(tokens["access_token"])
    assert browser.get("/logout").status_code == 200
    refused = browser.get("/logout?post_logout_redirect_uri=https://app.example/bye")
    assert refused.status_code == 400 and "Location" not in refused.headers


# ------------------------------------------------------------------------------------------------------------ discovery
def test_discovery_says_what_the_door_does_and_no_more(veiled: Veiled) -> None:
    document = veiled.door.json("/.well-known/openid-configuration")
    assert document == veiled.door.json("/.well-known/oauth-authorization-server")
    assert document["issuer"] == "https://door.example"
    assert {name for name in document if name.endswith("_endpoint") or name == "jwks_uri"} == set(DOOR_ENDPOINTS)
    assert document["scopes_supported"] == ["openid", "age"]
    assert document["grant_types_supported"] == ["authorization_code"]
    assert document["acr_values_supported"] == ["standard"]
    assert not document["backchannel_logout_supported"] and not document["backchannel_logout_session_supported"]
    told = {"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "age_band", "session_until", "age_over_18"}
    assert set(document["claims_supported"]) == told


def test_every_endpoint_of_the_account_issuer_alone_is_no_page_here(veiled: Veiled) -> None:
    absent = (
        "/introspect", "/revoke", "/register", "/device_authorization", "/token-request", "/token-keys/log",
        "/token-keys/minor", "/token-keys/current", "/.well-known/private-token-issuer-directory", "/sign-in",
        "/sign-up", "/account", "/consent", "/family", "/notice", "/device",
    )  # fmt: skip
    for path in absent:
        for method in ("GET", "POST"):
            assert veiled.door.send(method, path, {} if method == "POST" else None).status_code in (403, 404), path


def test_keys_of_the_two_issuers_are_apart(veiled: Veiled) -> None:
    here, there = veiled.door.json("/jwks"), veiled.account.json("/jwks")
    assert len(here["keys"]) == 3
    assert not {key["kid"] for key in here["keys"]} & {key["kid"] for key in there["keys"]}


def test_wallet_is_answered_in_the_fragment_and_gets_age_tokens_alone(veiled: Veiled) -> None:
    """The built-in public client of the account issuer: in the query, the code would reach a server."""
    client = veiled.account.provider.realm.store.read(lambda tx: tx.clients.get("wallet"))
    assert client is not None and client.public and client.scope == {"age_tokens"}
    assert client.redirect_uris == ("https://door.example/wallet",) and client.grant_types == {"authorization_code"}
    party, browser = RelyingParty(veiled.account, client, None), veiled.account.browser()
    answer = party.ask(browser, response_mode="fragment", scope="openid age_tokens", prompt="none")
    assert urlsplit(answer.location).query == ""
    told = parse_qs(urlsplit(answer.location).fragment)
    assert told["error"] == ["login_required"] and told["state"] == ["st-é-1"]
    for changes in ({"scope": "openid"}, {"code_challenge": None, "code_challenge_method": None}):
        answer = party.ask(browser, response_mode="fragment", **changes)
        assert "error" in parse_qs(urlsplit(answer.location).fragment)
    confidential = veiled.account.register_client()
    assert returned(confidential.ask(browser, response_mode="fragment"))["error"] == "invalid_request"
