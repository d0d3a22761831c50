"""Attacks on door and account side by somebody who is not the person: other browsers, other tokens, broken batches."""

import secrets
from dataclasses import replace
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.encoding import b64url_decode
from crypto.privacy_pass import Token, TokenRequest
from crypto.privacy_pass_batch import GENERIC_BATCH_REQUEST_MEDIA_TYPE as BATCH_TYPE
from crypto.privacy_pass_batch import GenericBatchTokenRequest
from crypto.privacy_pass_client import create_batch_request
from crypto.tls_presentation import encode_varint
from idp.domain.age_token import QUOTA
from tests.app import Person
from tests.veiled import Shown, Veiled, Wallet, mint_tokens, presented_fields, told_app

COOKIE = "__Host-blindage_request"
SINGLE_TYPE = "application/private-token-request"


@pytest.fixture(scope="module")
def wallet(veiled: Veiled) -> Wallet:
    """Tokens enough for the tests of this file."""
    return Wallet(veiled, tokens=mint_tokens(veiled.account.provider, veiled.challenge, 60))


def error_of(answer: TestResponse) -> str:
    return str(answer.json["error"])


def cookie_of(shown: Shown) -> str:
    cookie = shown.browser.client.get_cookie(COOKIE, domain="door.example")
    assert cookie is not None
    return str(cookie.value)


def post(veiled: Veiled, cookie: str, fields: dict[str, str], **headers: str) -> TestResponse:
    """A form at `/present` that no page of ours made."""
    return veiled.door.send("POST", "/present", fields, headers={"Cookie": f"{COOKIE}={cookie}", **headers})


# ------------------------------------------------------------------------------------------- whose request, whose token
def test_parts_of_two_browsers_requests_do_not_go_together(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app()
    own, foreign = wallet.arrive(app), wallet.arrive(app)
    token = wallet.tokens[-1]
    for cookie, csrf, request in product((own, foreign), repeat=3):
        if cookie is csrf is request is own:
            continue
        fields = presented_fields(wallet.seed, own.presentation, token.to_bytes())
        form = {"csrf": csrf.presentation["csrf"], "request": request.presentation["request"], **fields}
        # All three of the other browser: there the signature is over another request.
        expected = "invalid_request" if cookie is csrf is request else "request_expired"
        assert error_of(post(veiled, cookie_of(cookie), form)) == expected
    assert "code" in told_app(own.post(wallet.fields(own)))


def test_a_form_that_was_read_on_its_way_is_of_no_use_to_others(veiled: Veiled, wallet: Wallet) -> None:
    """The thief has the token, key and signature: before they arrived, and after."""
    app = veiled.app()
    own, thief = wallet.arrive(app), wallet.arrive(app)
    fields = wallet.fields(own)
    at_own_request = {"csrf": thief.presentation["csrf"], "request": thief.presentation["request"], **fields}
    assert error_of(post(veiled, cookie_of(thief), at_own_request)) == "invalid_request"
    with_own_cookie = {**at_own_request, "request": own.presentation["request"]}
    assert error_of(post(veiled, cookie_of(thief), with_own_cookie)) == "request_expired"
    code = told_app(own.post(fields))["code"]
    assert error_of(post(veiled, cookie_of(thief), at_own_request)) == "invalid_request"
    # Signed anew with a key of the thief's: the token is spent.
    resigned = presented_fields(secrets.token_bytes(32), thief.presentation, b64url_decode(fields["token"]))
    assert error_of(thief.post(resigned)) == "invalid_token"
    assert app.exchange(code).status_code == 200


@pytest.mark.parametrize("how", ["query", "json", "text", "multipart", "get", "put"])
def test_no_other_way_of_sending_reaches_the_token(veiled: Veiled, wallet: Wallet, how: str) -> None:
    """What a foreign page can send without a preflight, and what a proxy could make of it."""
    shown = wallet.arrive(veiled.app())
    p = shown.presentation
    form = {"csrf": p["csrf"], "request": p["request"], **wallet.fields(shown, wallet.tokens[-1])}
    body, cookie = urlencode(form).encode(), {"Cookie": f"{COOKIE}={cookie_of(shown)}"}
    types = {"json": "application/json", "text": "text/plain", "multipart": "multipart/form-data; boundary=x"}
    if how in types:
        answer = veiled.door.send("POST", "/present", body=body, content_type=types[how], headers=cookie)
    elif how == "query":
        answer = veiled.door.send("POST", "/present", {}, query=body.decode(), headers=cookie)
    else:
        answer = veiled.door.send(how.upper(), "/present", form, headers=cookie)
    assert answer.status_code in (400, 405, 415) and set(answer.json) == {"error", "error_description"}
    assert "code" in told_app(shown.post(wallet.fields(shown)))


OTHER_PLACES: dict[str, dict[str, Any]] = {
    "another door": {"origin_info": "door2.example"},
    "an app's own gate": {"origin_info": "app.example"},
    "any place": {"origin_info": ""},
    "this door among others": {"origin_info": "door.example,app.example"},
    "this door in other letters": {"origin_info": "DOOR.example"},
    "this door with a port": {"origin_info": "door.example:443"},
    "another issuer": {"issuer_name": "id2.example"},
    "one challenge of a moment": {"redemption_context": bytes(32)},
    "another type": {"token_type": 0x0001},
}


@pytest.mark.parametrize("place", OTHER_PLACES)
def test_token_that_was_fetched_for_another_place_is_refused(veiled: Veiled, wallet: Wallet, place: str) -> None:
    """Signed with the very key of the moment; only what it answers is another challenge."""
    challenge = replace(veiled.challenge, **OTHER_PLACES[place])
    (good,) = mint_tokens(veiled.account.provider, veiled.challenge, 1)
    minted = [Token(good.nonce, challenge.digest, good.token_key_id, good.authenticator)]
    if challenge.token_type == good.token_type:
        minted += mint_tokens(veiled.account.provider, challenge, 1)
    for token in minted:
        shown = wallet.arrive(veiled.app())
        assert error_of(shown.post(wallet.fields(shown, token))) == "invalid_token"
    assert "code" in told_app((shown := wallet.arrive(veiled.app())).post(wallet.fields(shown, good)))


def test_a_process_with_a_slow_clock_takes_no_token_that_another_has_forgotten(fresh: Veiled) -> None:
    """threats C20, F11: the last second of an epoch, housekeeping by a clock that is a minute ahead."""
    wallet = Wallet(fresh, tokens=mint_tokens(fresh.account.provider, fresh.challenge, 2))
    accepted = fresh.parts.keys.find(wallet.tokens[0].token_key_id)
    assert accepted is not None
    fresh.clock.advance(accepted.accepted_until - 1 - fresh.clock.now())
    app, token = fresh.app(), wallet.tokens[0]
    answered = wallet.arrive(app)
    assert "code" in told_app(answered.post(wallet.fields(answered, token)))
    fast = fresh.clock.now() + 61
    fresh.door.provider.realm.store.write(lambda tx: tx.housekeeping.purge(fast, 100))
    again = wallet.arrive(app)
    assert error_of(again.post(wallet.fields(again, token))) == "invalid_token"
    # The request, too: by a clock that is ahead it has expired, and it takes no second token.
    ahead = answered.presentation["expires_at"] + 60
    fresh.door.provider.realm.store.write(lambda tx: tx.housekeeping.purge(ahead, 100))
    assert error_of(answered.post(wallet.fields(answered, wallet.tokens[1]))) == "request_expired"
    fresh.clock.advance(1)
    late = wallet.arrive(app)
    assert error_of(late.post(wallet.fields(late, wallet.tokens[1]))) in ("invalid_token", "temporarily_unavailable")


def test_prompt_none_is_answered_alike_whatever_else_is_asked(veiled: Veiled, wallet: Wallet) -> None:
    """Nothing of a browser that was here before shows, and no request is begun that somebody could answer."""
    app = veiled.app()
    told = wallet.tokens_of(app)
    browser = veiled.door.browser()
    wallet.arrive(app, browser)
    answers = set()
    for changes in ({}, {"id_token_hint": told["id_token"]}, {"login_hint": "somebody"}, {"max_age": "0"}):
        for visitor in (browser, veiled.door.browser()):
            answer = app.ask(visitor, prompt="none", **changes)
            assert answer.status_code == 303 and "Set-Cookie" not in answer.headers
            answers.add(answer.location)
    assert len(answers) == 1 and "error=interaction_required" in answers.pop()


# --------------------------------------------------------------------------------------------------------- account side
@pytest.fixture
def bearer(veiled: Veiled) -> dict[str, str]:
    """Somebody new with all tokens of this epoch still to be had."""
    return {"Authorization": f"Bearer {Wallet(veiled).access_token(veiled.account.person())}"}


def key_of(veiled: Veiled, bearer: dict[str, str]) -> BlindRsaPublicKey:
    shown = veiled.account.send("GET", "/token-keys/current", headers=bearer)
    return BlindRsaPublicKey.from_spki(b64url_decode(shown.json["key"]))


def ask(veiled: Veiled, bearer: dict[str, str], body: bytes, content_type: str = BATCH_TYPE) -> int:
    answer = veiled.account.send("POST", "/token-request", body=body, content_type=content_type, headers=bearer)
    return int(answer.status_code)


def left(veiled: Veiled, bearer: dict[str, str]) -> int:
    """How many tokens this account still gets: it gets them."""
    key, count = key_of(veiled, bearer), 0
    while ask(veiled, bearer, create_batch_request(veiled.challenge, key, 1)[0].to_bytes()) == 200:
        count += 1
    return count


def test_malformed_requests_are_refused_and_charge_nothing(veiled: Veiled, bearer: dict[str, str]) -> None:
    key = key_of(veiled, bearer)
    good = create_batch_request(veiled.challenge, key, 2)[0].to_bytes()
    entries = good[2:]
    single = entries[: len(entries) // 2]
    many = b"".join(TokenRequest(key.truncated_token_key_id, secrets.token_bytes(256)).to_bytes() for _ in range(101))
    wrong = [
        (b"", BATCH_TYPE), (b"\x00", BATCH_TYPE), (good[:-1], BATCH_TYPE), (good + b"\x00", BATCH_TYPE),
        (encode_varint(len(entries) + 1) + entries, BATCH_TYPE), (encode_varint(len(many)) + many, BATCH_TYPE),
        # A length of a batch in more bytes than it takes, and one beyond every message (RFC 9000, section 16).
        (b"\xbf\xff\xff\xff" + entries, BATCH_TYPE), (b"\xff" * 8 + entries, BATCH_TYPE),
        (encode_varint(len(single)) + b"\xda\x7a" + single[2:], BATCH_TYPE),
        (single, BATCH_TYPE), (good, SINGLE_TYPE), (single + b"\x00", SINGLE_TYPE), (single[:-1], SINGLE_TYPE),
        (b"", SINGLE_TYPE), (b"\x00\x01" + single[2:], SINGLE_TYPE),
        # The key of another band or epoch.
        (TokenRequest(key.truncated_token_key_id ^ 1, single[3:]).to_bytes(), SINGLE_TYPE),
    ]  # fmt: skip
    for body, content_type in wrong:
        assert ask(veiled, bearer, body, content_type) == 422, body[:8].hex()
    for content_type in ("", "application/json", "application/octet-stream", "application/private-token-response"):
        assert ask(veiled, bearer, single, content_type) == 415
    assert left(veiled, bearer) == QUOTA


def test_blinded_message_out_of_range_is_never_signed(veiled: Veiled, bearer: dict[str, str]) -> None:
    key = key_of(veiled, bearer)
    modulus = key.modulus.to_bytes(256, "big")
    for message in (bytes(256), modulus, b"\xff" * 256, (key.modulus + 1).to_bytes(256, "big")):
        request = TokenRequest(key.truncated_token_key_id, message)
        assert ask(veiled, bearer, request.to_bytes(), SINGLE_TYPE) == 422
        assert ask(veiled, bearer, GenericBatchTokenRequest((request,)).to_bytes()) == 422


def test_the_same_request_is_free_for_the_one_who_made_it_alone(veiled: Veiled, bearer: dict[str, str]) -> None:
    body = create_batch_request(veiled.challenge, key_of(veiled, bearer), 10)[0].to_bytes()
    other = {"Authorization": f"Bearer {Wallet(veiled).access_token(veiled.account.person())}"}
    assert [ask(veiled, holder, body) for holder in (bearer, bearer, other, other)] == [200] * 4
    # One byte more or less, or one entry twice, is another request.
    assert left(veiled, bearer) == left(veiled, other) == QUOTA - 10


def test_access_tokens_of_the_two_kinds_open_nothing_of_the_other(
    veiled: Veiled, adult: Person, bearer: dict[str, str]
) -> None:
    app = veiled.account.register_client()
    other = {"Authorization": f"Bearer {app.tokens(adult)['access_token']}"}
    body = create_batch_request(veiled.challenge, key_of(veiled, bearer), 1)[0].to_bytes()
    assert ask(veiled, other, body) == 403 and ask(veiled, {}, body) == 401
    assert veiled.account.send("GET", "/token-keys/current", headers=other).status_code == 403
    assert veiled.account.send("GET", "/userinfo", headers=bearer).status_code == 403
    at_door = {"Authorization": f"Bearer {Wallet(veiled).access_token(adult)}"}
    assert veiled.door.send("GET", "/userinfo", headers=at_door).status_code == 401
