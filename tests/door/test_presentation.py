"""A token is shown, checked in order, and answered once (threats C18; privacy-and-crypto, veiled sign-in)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from crypto.encoding import b64url_decode, b64url_encode
from crypto.veil import presented_message, sector_seed
from idp.domain.client import Category, ClientState
from idp.protocol import errors
from idp.protocol.door.presentation import present
from idp.services.clients import set_client_state
from tests.app import Person
from tests.relying_party import error_of
from tests.veiled import Shown, Veiled, Wallet, told_app
from tests.web.visitor import returned

GAME = {"category": Category.GAME}
NOON = 12 * 3600
"""The tests' clock begins at 08:00 of a public holiday in Shanghai; games open to minors at 20:00."""

# Every encoding of a point of small order, the unusual ones included (RFC 8032, section 8.9; curve equation).
SMALL_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)


@pytest.fixture(scope="module")
def wallet(veiled: Veiled, adult: Person) -> Wallet:
    """An adult's wallet with tokens enough for the tests of this file."""
    return veiled.wallet(adult, 40)


@pytest.fixture(scope="module")
def young_wallet(veiled: Veiled, minor: Person) -> Wallet:
    """A minor's."""
    return veiled.wallet(minor, 12)


def cause_of(veiled: Veiled, shown: Shown, fields: dict[str, str], browser: bytes | None = None) -> str:
    """The error of a presentation and, after a colon, what the log is told."""
    cookie = shown.browser.client.get_cookie("__Host-blindage_request", domain="door.example")
    assert cookie is not None
    form = {"request": shown.presentation["request"], **fields}
    with pytest.raises(errors.ProtocolError) as refused:
        present(veiled.parts, form, browser or b64url_decode(cookie.value))
    return f"{refused.value.error}: {refused.value.cause}"


def changed(fields: dict[str, str], name: str, change: Callable[[bytes], bytes]) -> dict[str, str]:
    return {**fields, name: b64url_encode(change(b64url_decode(fields[name])))}


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_each_fault_is_found_before_all_that_come_after_it(veiled: Veiled, young_wallet: Wallet) -> None:
    """Each step's fault together with every later one: the earliest is what is said, and nothing is spent."""
    shown = young_wallet.arrive(veiled.app(**GAME))
    token = young_wallet.tokens.pop()
    good = young_wallet.fields(shown, token)
    bad_sig = changed(good, "sig", flip(5))
    bad_authenticator = changed(bad_sig, "token", flip(300))
    unknown_key = changed(bad_authenticator, "token", flip(70))
    other_challenge = changed(unknown_key, "token", flip(40))
    other_type = changed(other_challenge, "token", flip(1))
    # A key that is not known names no band; with the right one the curfew speaks, whatever else is wrong.
    curfew = changed(other_type, "token", flip(70))
    assert cause_of(veiled, shown, curfew, browser=bytes(32)).startswith("request_expired")
    assert cause_of(veiled, shown, curfew).startswith("curfew")
    veiled.clock.advance(NOON)
    try:
        shown = young_wallet.arrive(veiled.app(**GAME))
        assert cause_of(veiled, shown, other_type) == "invalid_token: token_type is not 0x0002"
        assert cause_of(veiled, shown, other_challenge) == "invalid_token: token answers another challenge"
        assert cause_of(veiled, shown, unknown_key) == "invalid_token: token names a key that does not count"
        assert cause_of(veiled, shown, bad_authenticator) == "invalid_token: authenticator does not verify"
        assert cause_of(veiled, shown, bad_sig) == "invalid_request: signature does not verify"
        assert "code" in told_app(shown.post(young_wallet.fields(shown, token)))
    finally:
        veiled.clock.advance(-NOON)


@pytest.mark.parametrize("size", [1, 98, 353, 355, 708])
def test_token_of_another_size_is_refused(veiled: Veiled, wallet: Wallet, size: int) -> None:
    shown = wallet.arrive(veiled.app())
    data = (wallet.tokens[0].to_bytes() * 2)[:size]
    assert error_of(shown.post(wallet.fields(shown, data))) == "invalid_token"


def test_every_bit_of_a_token_counts(veiled: Veiled, wallet: Wallet) -> None:
    shown = wallet.arrive(veiled.app())
    data = wallet.tokens[0].to_bytes()
    for at in range(0, 354, 7):
        assert error_of(shown.post(wallet.fields(shown, flip(at)(data)))) == "invalid_token", at


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_point_of_small_order_is_no_key(veiled: Veiled, wallet: Wallet, point: str) -> None:
    """Under the neutral element the signature (R = neutral, S = 0) would hold for any message."""
    shown = wallet.arrive(veiled.app())
    neutral = bytes([1]) + bytes(31)
    fields = wallet.fields(shown, wallet.tokens[0])
    for r in (neutral, bytes.fromhex(point)):
        forged = {**fields, "pk": b64url_encode(bytes.fromhex(point)), "sig": b64url_encode(r + bytes(32))}
        assert error_of(shown.post(forged)) == "invalid_request"


def test_signature_with_a_larger_scalar_is_refused(veiled: Veiled, wallet: Wallet) -> None:
    """RFC 8032, section 5.1.7: S below the group order, or one signature has two forms."""
    order = 2**252 + 27742317777372353535851937790883648493
    shown = wallet.arrive(veiled.app())
    fields = wallet.fields(shown, wallet.tokens[0])

    def larger(signature: bytes) -> bytes:
        return signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")

    assert error_of(shown.post(changed(fields, "sig", larger))) == "invalid_request"


def test_signature_is_over_door_sector_request_and_token(veiled: Veiled, wallet: Wallet) -> None:
    shown = wallet.arrive(veiled.app())
    token = wallet.tokens[0]
    p, data = shown.presentation, token.to_bytes()
    key = SigningKey(sector_seed(wallet.seed, p["door"], p["sector"]))
    right = (p["door"], p["sector"], p["request_id"], data)
    for at, other in enumerate(("https://other.example", "other.example", "x" * 43, flip(300)(data))):
        wrong = [*right[:at], other, *right[at + 1 :]]
        sig = key.sign(presented_message(*wrong)).signature  # type: ignore[arg-type]
        assert error_of(shown.post({**wallet.fields(shown, token), "sig": b64url_encode(sig)})) == "invalid_request"


def test_same_token_for_same_request_gets_same_code_which_works_once(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app()
    shown = wallet.arrive(app)
    fields = wallet.fields(shown)
    first = shown.post(fields)
    # The answer was lost, and with it the news that the cookie is over.
    shown = replace(shown, browser=_with_cookie(veiled, shown, first))
    again = shown.post(fields)
    assert again.data == first.data
    code = told_app(again)["code"]
    assert app.exchange(code).status_code == 200
    assert error_of(app.exchange(code)) == "invalid_grant"


def _with_cookie(veiled: Veiled, shown: Shown, answer):
    """The browser as it was before an answer arrived."""
    browser = veiled.door.browser()
    sent = answer.request.headers["Cookie"].partition("=")[2]
    browser.client.set_cookie("__Host-blindage_request", sent, domain="door.example", secure=True)
    return browser


def test_spent_token_is_refused_for_another_request(veiled: Veiled, wallet: Wallet) -> None:
    app, other = veiled.app(), veiled.app()
    shown = wallet.arrive(app)
    token = wallet.tokens.pop()
    assert shown.post(wallet.fields(shown, token)).status_code == 200
    for again in (app, other):
        shown = wallet.arrive(again)
        assert error_of(shown.post(wallet.fields(shown, token))) == "invalid_token"


def test_token_with_the_nonce_of_a_spent_one_is_spent(veiled: Veiled, wallet: Wallet) -> None:
    """The nonce is what counts: another signature over it, with another salt, makes no other token."""
    shown = wallet.arrive(veiled.app())
    token = wallet.tokens.pop()
    assert shown.post(wallet.fields(shown, token)).status_code == 200
    store = veiled.account.provider.realm.store
    keys = {key.key_id: key for key in store.read(lambda tx: tx.token_keys.all())}
    private = load_der_private_key(keys[token.token_key_id].private_der, None)
    assert isinstance(private, RSAPrivateKey)
    pss = PSS(MGF1(SHA384()), 48)
    twin = replace(token, authenticator=private.sign(token.authenticator_input, pss, SHA384()))
    assert twin != token
    shown = wallet.arrive(veiled.app())
    assert cause_of(veiled, shown, wallet.fields(shown, twin)) == "invalid_token: token_spent"


def test_request_takes_one_token_and_a_second_stays_unspent(veiled: Veiled, wallet: Wallet) -> None:
    shown = wallet.arrive(veiled.app())
    first, second = wallet.tokens.pop(), wallet.tokens.pop()
    answer = shown.post(wallet.fields(shown, first))
    assert answer.status_code == 200
    shown = replace(shown, browser=_with_cookie(veiled, shown, answer))
    assert error_of(shown.post(wallet.fields(shown, second))) == "request_expired"
    shown = wallet.arrive(veiled.app())
    assert shown.post(wallet.fields(shown, second)).status_code == 200


def test_request_ends_after_a_quarter_of_an_hour(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app()
    shown, token = wallet.arrive(app), wallet.tokens.pop()
    assert shown.presentation["expires_at"] == veiled.clock.now() + 900
    for wait, status in ((899, 200), (900, 400)):
        veiled.clock.advance(wait)
        try:
            answer = shown.post(wallet.fields(shown, token))
        finally:
            veiled.clock.advance(-wait)
        assert answer.status_code == status
        shown, token = wallet.arrive(app), wallet.tokens.pop()
    assert error_of(answer) == "request_expired"


def test_request_of_a_suspended_app_is_over(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app()
    shown = wallet.arrive(app)
    set_client_state(veiled.door.provider.realm, app.id, ClientState.SUSPENDED)
    assert error_of(shown.post(wallet.fields(shown, wallet.tokens[0]))) == "request_expired"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Cookie": ""},
    ],
)
def test_page_of_another_origin_cannot_show_a_token(veiled: Veiled, wallet: Wallet, headers: dict[str, str]) -> None:
    shown = wallet.arrive(veiled.app())
    fields = wallet.fields(shown, wallet.tokens[0])
    if "Cookie" in headers:
        shown = replace(shown, browser=veiled.door.browser())
    assert error_of(shown.post(fields, **headers)) == "request_expired"
    assert error_of(shown.post({**fields, "csrf": "x" * 43})) == "request_expired"


@pytest.mark.parametrize("name", ["token", "pk", "sig", "decision"])
def test_missing_or_garbled_field_is_refused(veiled: Veiled, wallet: Wallet, name: str) -> None:
    shown = wallet.arrive(veiled.app())
    fields = wallet.fields(shown, wallet.tokens[0])
    for value in (None, "", "+", "A", "é", "A" * 70):
        wrong = {key: text for key, text in {**fields, name: value}.items() if text is not None}
        assert error_of(shown.post(wrong)) in ("invalid_request", "invalid_token"), value
    assert "code" in told_app(shown.post(wallet.fields(shown)))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_form_makes_the_door_fail(veiled: Veiled, wallet: Wallet, data: st.DataObject) -> None:
    """Whatever is posted, in whatever mixture with what is right: an answer with a registered error."""
    shown = wallet.arrive(veiled.app())
    token = wallet.tokens[0].to_bytes()
    right = wallet.fields(shown, flip(300)(token))
    junk = st.one_of(
        st.text(max_size=40), st.binary(max_size=400).map(b64url_encode),
        st.sampled_from([b64url_encode(token), right["pk"], right["sig"], "allow", "deny "]),
    )  # fmt: skip
    changes = data.draw(st.dictionaries(st.sampled_from(("csrf", "request", *right)), junk))
    answer = shown.post({**right, **changes})
    assert error_of(answer, answer.status_code) in ("invalid_request", "request_expired", "invalid_token")
    assert answer.status_code == 400


def test_guesser_is_slowed_down_by_address(veiled: Veiled, wallet: Wallet) -> None:
    shown = wallet.arrive(veiled.app())
    fields = wallet.fields(shown, flip(300)(wallet.tokens[0].to_bytes()))
    statuses = [shown.post(fields, peer="192.0.2.7").status_code for _ in range(62)]
    assert statuses[:60] == [400] * 60 and statuses[61] == 429
    assert shown.post(fields, peer="192.0.2.8").status_code == 400


def test_no_is_told_to_the_app_as_every_no(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app()
    told = told_app(wallet.arrive(app).post({"decision": "deny"}))
    assert told == {
        "error": "access_denied", "error_description": "the request was not granted", "state": "st-é-1",
        "iss": "https://door.example",
    }  # fmt: skip


def test_answer_may_go_by_a_form(veiled: Veiled, wallet: Wallet) -> None:
    app = veiled.app()
    answer = wallet.present(app, response_mode="form_post").json
    assert answer["form_post"]["action"] == app.callback
    assert set(answer["form_post"]["fields"]) == {"code", "state", "iss"}


def test_door_answers_nobody_in_the_fragment(veiled: Veiled) -> None:
    public = veiled.app(token_endpoint_auth_method="none")
    assert returned(public.ask(veiled.door.browser(), response_mode="fragment"))["error"] == "invalid_request"


# ------------------------------------------------------------------------------------------------------------- minors
def test_minor_is_a_minor_and_adult_an_adult(veiled: Veiled, wallet: Wallet, young_wallet: Wallet) -> None:
    app = veiled.app()
    for shower, band in ((wallet, "adult"), (young_wallet, "minor")):
        tokens = shower.tokens_of(app)
        _, claims = veiled.door.verified(tokens["id_token"])
        assert claims["age_band"] == band
        assert app.userinfo(tokens["access_token"]).json == {"sub": claims["sub"], "age_band": band}


def test_child_gets_no_tokens(veiled: Veiled, child: Person) -> None:
    with pytest.raises(AssertionError, match="guardian"):
        veiled.wallet(child)


def test_public_curfew_holds_at_the_door_for_minors_and_no_adult(
    veiled: Veiled, wallet: Wallet, young_wallet: Wallet
) -> None:
    game = veiled.app(**GAME)
    shown = young_wallet.arrive(game)
    assert error_of(shown.post(young_wallet.fields(shown, young_wallet.tokens[-1])), 403) == "curfew"
    assert "code" in told_app(wallet.present(game))
    veiled.clock.advance(NOON)
    try:
        tokens = young_wallet.tokens_of(game)
        _, claims = veiled.door.verified(tokens["id_token"])
        assert claims["session_until"] == veiled.clock.now() + 3600
    finally:
        veiled.clock.advance(-NOON)


def test_minor_who_may_need_a_guardian_is_not_let_in(
    veiled: Veiled, wallet: Wallet, young_wallet: Wallet, adult: Person
) -> None:
    """Where the age of consent lies above the age of tokens, a minor's token may be a child's."""
    realm = veiled.door.provider.realm
    stricter = replace(realm, policy=replace(realm.policy, consent_age=16))
    parts = replace(veiled.parts, provider=replace(veiled.door.provider, realm=stricter))
    app = veiled.app()
    for shower, error in ((young_wallet, "guardian_needed: "), (wallet, None)):
        shown = shower.arrive(app)
        fields = shower.fields(shown, shower.tokens[-1])
        if error is not None:
            assert cause_of(replace(veiled, parts=parts), shown, fields) == error
        assert shown.post(fields).status_code == 200
        shower.tokens.pop()
