"""The device grant at the token endpoint (RFC 8628, sections 3.4 and 3.5): how polls end, and what comes of them."""

from collections.abc import Callable
from typing import Any

import pytest

from crypto.encoding import b64url_encode
from idp.domain.account import AccountState
from idp.domain.client import Category, ClientState
from idp.domain.device_grant import GRANT_TYPE
from idp.protocol.device_authorization import device_code_digest
from idp.services.consents import withdraw_consent
from tests.app import ADULT, CHILD, MINOR, App, Person
from tests.device import Device, new_device, register_device_app
from tests.relying_party import RelyingParty, error_of, success


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app on televisions."""
    return register_device_app(app)


@pytest.fixture
def device(party: RelyingParty) -> Device:
    """A television that shows its code."""
    return new_device(party)


# ----------------------------------------------------------------------------------------------------- row 96: polling
def test_device_waits_until_somebody_has_answered(app: App, device: Device) -> None:
    """row 96: RFC 8628, section 3.5."""
    for _ in range(3):
        assert error_of(device.poll()) == "authorization_pending"
        app.clock.advance(5)
    device.answered_by(app.person())
    assert device.tokens()["token_type"] == "Bearer"


def test_hasty_device_is_told_to_slow_down_and_is_served_when_it_does(app: App, device: Device) -> None:
    """row 96: RFC 8628, section 3.5: five seconds more for this and all later polls of this code, and no dead end."""
    assert error_of(device.poll()) == "authorization_pending"
    assert error_of(device.poll()) == "slow_down"
    app.clock.advance(9)
    assert error_of(device.poll()) == "slow_down", "ten seconds now"
    app.clock.advance(15)
    assert error_of(device.poll()) == "authorization_pending"
    app.clock.advance(14)
    assert error_of(device.poll()) == "slow_down", "fifteen, still"
    app.clock.advance(20)
    assert error_of(device.poll()) == "authorization_pending"
    assert error_of(new_device(device.party).poll()) == "authorization_pending", "another code is not slowed down"


def test_device_that_never_slows_down_is_served_once_somebody_has_agreed(app: App, device: Device) -> None:
    """row 96: slow_down is a kind of authorization_pending; an answer is not withheld."""
    for _ in range(20):
        device.poll()
    device.answered_by(app.person())
    assert "access_token" in device.tokens()


def test_person_who_says_no_is_told_to_the_device(app: App, device: Device) -> None:
    """row 96: RFC 8628, section 3.5: access_denied, and again however often it asks."""
    page = device.answered_by(app.person(), "deny")
    assert "The device has been told no" in page.text
    assert [error_of(device.poll()) for _ in range(2)] == ["access_denied", "access_denied"]


@pytest.mark.parametrize("answer", ["none", "allow", "deny"])
def test_code_expires_whatever_became_of_it(app: App, device: Device, answer: str) -> None:
    """row 96: RFC 8628, section 3.5: expired_token after `expires_in`, to the second."""
    if answer != "none":
        device.answered_by(app.person(), answer)
    app.clock.advance(device.codes["expires_in"] - 1)
    if answer != "allow":
        assert error_of(device.poll()) == {"none": "authorization_pending", "deny": "access_denied"}[answer]
    app.clock.advance(1)
    assert error_of(device.poll()) == "expired_token"


def test_expired_code_cannot_be_answered(app: App, device: Device) -> None:
    """row 96: neither by a page that was open already, nor by the address."""
    person = app.signed_in()
    question = person.browser.follow(device.open(person.browser))
    app.clock.advance(device.codes["expires_in"])
    assert person.browser.submit(question, {"decision": "allow"}).status_code == 400
    assert device.open(person.browser).status_code == 400
    assert error_of(device.poll()) == "expired_token"


@pytest.mark.parametrize("code", ["unknown", "x" * 43, "\u00e9", "a" * 20_000])
def test_unknown_code_is_an_invalid_grant(device: Device, code: str) -> None:
    """row 96: RFC 6749, section 5.2."""
    assert error_of(device.poll(device_code=code)) == "invalid_grant"


def test_missing_code_is_an_invalid_request(device: Device) -> None:
    """row 96: RFC 8628, section 3.4."""
    assert error_of(device.poll(device_code=None)) == "invalid_request"
    assert error_of(device.poll(device_code="")) == "invalid_request"


# --------------------------------------------------------------------------------------------------------- row 97: once
def test_code_is_redeemed_once_and_its_replay_ends_the_grant(app: App, device: Device) -> None:
    """row 97: RFC 8628, section 3.4; RFC 6749, section 4.1.2; RFC 9700, section 4.5."""
    device.answered_by(app.person())
    access_token = device.tokens()["access_token"]
    assert device.party.holds(access_token)
    assert error_of(device.poll()) == "invalid_grant"
    assert not device.party.holds(access_token)


def test_code_is_good_for_its_own_client_only(app: App, device: Device) -> None:
    """row 97: another client gets nowhere, and disturbs nothing."""
    thief = Device(register_device_app(app, name="Thief TV"), device.codes)
    assert error_of(thief.poll()) == "invalid_grant"
    device.answered_by(app.person())
    assert error_of(thief.poll()) == "invalid_grant"
    assert "access_token" in device.tokens()


def test_user_code_and_digest_are_no_device_codes(app: App, device: Device) -> None:
    """row 97: what the person sees, and what is stored, redeem nothing."""
    device.answered_by(app.person())
    assert error_of(device.poll(device_code=device.user_code)) == "invalid_grant"
    stored = device_code_digest(device.codes["device_code"])
    for shown in (stored.hex(), b64url_encode(stored)):
        assert error_of(device.poll(device_code=shown)) == "invalid_grant"


# ------------------------------------------------------------------------------------ row 99: unlocked at redemption
Ending = Callable[[App, Person, RelyingParty], Any]


@pytest.mark.parametrize(
    "ending",
    [
        lambda app, person, party: app.provider.realm.store.write(
            lambda tx: tx.accounts.set_state(person.account.id, AccountState.LOCKED)
        ),
        lambda app, person, party: app.provider.realm.store.write(
            lambda tx: tx.accounts.set_state(person.account.id, AccountState.SUSPENDED)
        ),
        lambda app, person, party: withdraw_consent(app.provider.realm, person.account.id, party.id),
        lambda app, person, party: app.provider.realm.store.write(lambda tx: tx.accounts.delete(person.account.id)),
    ],
    ids=["locked", "suspended", "consent withdrawn", "account deleted"],
)
def test_lockout_between_approval_and_redemption_refuses_the_code(app: App, device: Device, ending: Ending) -> None:
    """row 99: checked at redemption, not only when the person agreed (Keycloak CVE-2026-16103)."""
    person = app.person()
    device.answered_by(person)
    ending(app, person, device.party)
    assert error_of(device.poll()) == "invalid_grant"


def test_unlocked_account_is_served_again(app: App, device: Device) -> None:
    """row 99: the refusal leaves the code unspent, as at the code grant."""
    person = app.person()
    device.answered_by(person)
    store = app.provider.realm.store
    store.write(lambda tx: tx.accounts.set_state(person.account.id, AccountState.LOCKED))
    assert error_of(device.poll()) == "invalid_grant"
    store.write(lambda tx: tx.accounts.set_state(person.account.id, AccountState.ACTIVE))
    assert "access_token" in device.tokens()


def test_second_device_of_an_app_does_not_end_the_first(app: App, party: RelyingParty) -> None:
    """row 99: a later consent to the same app takes the place of the one that the first device was agreed under."""
    person = app.person()
    first, second = new_device(party), new_device(party)
    first.answered_by(person)
    second.answered_by(person)
    tokens = [device.tokens()["access_token"] for device in (first, second)]
    assert [party.holds(token) for token in tokens] == [True, True]


def test_signing_out_of_the_browser_does_not_end_the_device(app: App, device: Device) -> None:
    """row 99: the browser's session is on another device; taking back the consent ends the grant."""
    person = app.person()
    device.answered_by(person)
    access_token = device.tokens()["access_token"]
    browser = person.browser
    browser.submit(browser.get("/account"))
    assert browser.cookie("session") in (None, "")
    assert device.party.holds(access_token)
    withdraw_consent(app.provider.realm, person.account.id, device.party.id)
    assert not device.party.holds(access_token)


# ----------------------------------------------------------------------------------------------------- row 101: tokens
@pytest.mark.parametrize(("birthdate", "band"), [(ADULT, "adult"), (MINOR, "minor")])
def test_id_token_is_in_the_answer_when_openid_was_granted(
    app: App, party: RelyingParty, birthdate: str, band: str
) -> None:
    """row 101: with the claims of an ID token of the code flow."""
    device = new_device(party, nonce="n-é")
    device.answered_by(app.person(birthdate))
    tokens = device.tokens()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    header, claims = app.verified(tokens["id_token"])
    assert header["alg"] == "RS256"
    assert set(claims) == {"iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", "age_band"}
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (app.issuer, party.id, "n-é")
    assert claims["age_band"] == band
    assert success(party.userinfo(tokens["access_token"])) == {"sub": claims["sub"], "age_band": band}


def test_no_id_token_without_openid(app: App, party: RelyingParty) -> None:
    """row 101."""
    device = new_device(party, scope="age")
    device.answered_by(app.person())
    assert "id_token" not in device.tokens()


def test_claims_levels_and_times_are_answered_as_in_the_code_flow(app: App, party: RelyingParty) -> None:
    """row 101: `claims`, `acr_values` and `max_age` of the device's request reach its ID token."""
    claims = '{"id_token":{"age_over_18":null,"auth_time":null}}'
    device = new_device(party, claims=claims, acr_values="standard", max_age="300")
    person = app.person()
    device.answered_by(person)
    told = app.verified(device.tokens()["id_token"])[1]
    assert (told["age_over_18"], told["acr"], told["auth_time"]) == (True, "standard", app.clock.now())


def test_max_age_asks_a_person_who_signed_in_long_ago_again(app: App, party: RelyingParty) -> None:
    """row 99: approval needs a login as fresh as the app asks."""
    person = app.signed_in()
    app.clock.advance(301)
    device = new_device(party, max_age="300")
    page = person.browser.follow(device.open(person.browser))
    assert 'name="password"' in page.text
    device.answered_by(person)
    assert app.verified(device.tokens()["id_token"])[1]["auth_time"] == app.clock.now()


def test_tokens_are_bound_to_the_key_that_the_device_proves(app: App) -> None:
    """row 101: RFC 9449, section 5. While nobody has answered no proof is asked for: no poll is lost to a nonce."""
    party = register_device_app(app, name="Bound TV", dpop_bound_access_tokens=True)
    plain = new_device(party)
    proving = Device(party.with_dpop(), plain.codes)
    assert error_of(plain.poll()) == "authorization_pending"
    plain.answered_by(app.person())
    assert error_of(plain.poll()) == "invalid_dpop_proof"
    tokens = proving.tokens()
    assert tokens["token_type"] == "DPoP"
    assert success(proving.party.userinfo(tokens["access_token"]))["age_band"] == "adult"
    assert error_of(plain.party.refresh(tokens["refresh_token"])) == "invalid_dpop_proof"


# -------------------------------------------------------------------------------------------------- how long it lasts
def test_grant_ends_after_a_day_without_offline_access(app: App, device: Device) -> None:
    """row 97: a device is not signed out by anybody, so its grant ends by itself."""
    device.answered_by(app.person())
    token = device.tokens()["refresh_token"]
    for _ in range(23):
        app.clock.advance(3600)
        token = success(device.party.refresh(token))["refresh_token"]
    app.clock.advance(3600)
    assert error_of(device.party.refresh(token)) == "invalid_grant"


def test_grant_with_offline_access_outlasts_the_day(app: App) -> None:
    """row 97: when the person agreed to it, and the client gets refresh tokens."""
    scope = frozenset({"openid", "age", "offline_access"})
    device = new_device(register_device_app(app, name="Offline TV", scope=scope), scope=" ".join(sorted(scope)))
    device.answered_by(app.person())
    tokens = device.tokens()
    assert tokens["scope"] == "openid age offline_access"
    app.clock.advance(29 * 86400)
    assert "access_token" in success(device.party.refresh(tokens["refresh_token"]))


def test_client_without_refresh_tokens_gets_none(app: App) -> None:
    """row 97."""
    party = register_device_app(app, name="One-shot TV", grant_types=frozenset({GRANT_TYPE}))
    device = new_device(party)
    device.answered_by(app.person())
    assert "refresh_token" not in device.tokens()


# ------------------------------------------------------------------------------------------------- what stands between
@pytest.mark.parametrize(
    ("birthdate", "changes", "heading"),
    [
        (None, {}, "We do not know your age group yet"),
        (CHILD, {}, "Your guardian has to agree first"),
        (MINOR, {"category": Category.GAME}, "Not open for minors right now"),
        (ADULT, {"state": ClientState.PENDING}, "This app is not open to everyone yet"),
    ],
)
def test_what_stands_in_the_way_is_told_to_the_person_and_not_to_the_device(
    app: App, birthdate: str | None, changes: dict[str, Any], heading: str
) -> None:
    """row 96: the same access_denied for every rule's no (threats C05)."""
    party = register_device_app(app, **changes)
    device, person = new_device(party), app.person(birthdate)
    page = person.browser.complete(device.open(person.browser), person.username)
    assert heading in page.text
    assert error_of(device.poll()) == "authorization_pending", "looking at the page is no answer"
    done = person.browser.follow(person.browser.submit(page))
    assert "The device has been told no" in done.text
    assert error_of(device.poll()) == "access_denied"


@pytest.mark.parametrize(
    "changes",
    [{"acr_values": "strict"}, {"claims": '{"id_token":{"sub":{"value":"somebody-else"}}}'}],
    ids=["level", "another person"],
)
def test_what_this_account_cannot_give_is_told_to_the_person(
    app: App, party: RelyingParty, changes: dict[str, str]
) -> None:
    """row 96: a device has no use for unmet_authentication_requirements; another account may do."""
    device, person = new_device(party, **changes), app.person()
    page = person.browser.complete(device.open(person.browser), person.username)
    assert "Not possible with this account" in page.text and "/sign-in?" in page.text
    assert error_of(device.poll()) == "authorization_pending"
    person.browser.submit(page)
    assert error_of(device.poll()) == "access_denied"


def test_child_whose_guardian_agreed_may_use_a_device(app: App, device: Device) -> None:
    """row 96."""
    child = app.person(CHILD)
    app.guardian_agrees(child, device.party)
    device.answered_by(child)
    assert app.verified(device.tokens()["id_token"])[1]["age_band"] == "minor"
