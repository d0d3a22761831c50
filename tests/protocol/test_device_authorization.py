"""The device authorization endpoint (RFC 8628, sections 3.1 and 3.2): who may ask for what, and what the answer is."""

import re
from base64 import urlsafe_b64decode

import pytest

from idp.domain.client import ClientState
from idp.domain.device_grant import GRANT_TYPE
from idp.protocol.device_authorization import PUBLIC_PER_MINUTE
from tests.app import App
from tests.device import CONFIDENTIAL, ask, new_device, register_device_app
from tests.relying_party import RelyingParty, basic, error_of, success


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app on televisions."""
    return register_device_app(app)


# ---------------------------------------------------------------------------------------------------- row 94: who asks
def test_client_authenticates_as_at_the_token_endpoint(app: App) -> None:
    """row 94: RFC 8628, section 3.1: the registered method, once, with the right secret."""
    party = register_device_app(app, name="Confidential TV", **CONFIDENTIAL)
    form = {"scope": "openid age"}
    assert ask(party).status_code == 200
    wrong = {"Authorization": basic(party.id, "wrong")}
    assert error_of(party.post("/device_authorization", form, headers=wrong), 401) == "invalid_client"
    assert error_of(app.send("POST", "/device_authorization", {**form, "client_id": party.id}), 401) == "invalid_client"
    assert error_of(app.send("POST", "/device_authorization", form), 401) == "invalid_client"
    unknown = {**form, "client_id": "nobody"}
    assert error_of(app.send("POST", "/device_authorization", unknown), 401) == "invalid_client"
    assert error_of(ask(party, client_secret=party.secret)) == "invalid_request", "two methods in one request"


def test_suspended_client_is_refused(app: App) -> None:
    """row 94: at both endpoints, with a code that was given before."""
    party = register_device_app(app, name="Suspended TV")
    device = new_device(party)
    app.provider.realm.store.write(lambda tx: tx.clients.set_state(party.id, ClientState.SUSPENDED))
    assert error_of(ask(party), 401) == "invalid_client"
    assert error_of(device.poll(), 401) == "invalid_client"


def test_client_without_the_grant_is_refused_at_both_endpoints(app: App) -> None:
    """row 94: the device grant is off unless a client has it (threats A23)."""
    party = app.register_client()
    assert error_of(ask(party)) == "unauthorized_client"
    poll = party.post("/token", {"grant_type": GRANT_TYPE, "device_code": "x"})
    assert error_of(poll) == "unauthorized_client"


def test_device_client_may_not_use_the_browser(app: App, party: RelyingParty) -> None:
    """row 94: a client with the device grant alone has no code flow."""
    answer = app.browser().get(f"/authorize?client_id={party.id}&response_type=code&scope=openid")
    assert answer.status_code == 400 and "<h1" in answer.text


def test_scope_is_checked_when_the_device_asks(app: App, party: RelyingParty) -> None:
    """row 94: RFC 6749, section 3.3: what the client may not have is dropped, and nothing left is refused."""
    assert error_of(ask(party, scope="profile email")) == "invalid_scope"
    assert error_of(ask(party, scope=None)) == "invalid_scope"
    assert error_of(ask(party, scope="offline_access")) == "invalid_scope", "not this client's"
    device = new_device(party, scope="openid age profile offline_access")
    device.answered_by(app.person())
    assert device.tokens()["scope"] == "openid age"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"max_age": "-1"}, "invalid_request"),
        ({"claims": "["}, "invalid_request"),
        ({"nonce": "n" * 513}, "invalid_request"),
        ({"resource": "https://elsewhere.example/"}, "invalid_target"),
        ({"blindage_device_type": "toaster"}, "invalid_request"),
        ({"request": "e30.e30.c2ln"}, "request_not_supported"),
        ({"request_uri": "https://app.example/r"}, "request_uri_not_supported"),
    ],
)
def test_what_cannot_be_met_is_refused_when_the_device_asks(
    party: RelyingParty, changes: dict[str, str], error: str
) -> None:
    """row 94: a device has no browser to be told later."""
    assert error_of(ask(party, **changes)) == error


def test_request_is_a_form_by_post_with_every_parameter_once(app: App, party: RelyingParty) -> None:
    """row 94: RFC 8628, section 3.1; RFC 6749, section 3.2."""
    path, form = "/device_authorization", {"client_id": party.id, "scope": "openid"}
    got = app.send("GET", path)
    assert error_of(got, 405) == "invalid_request" and got.headers["Allow"] == "POST"
    assert error_of(app.send("POST", path, form, query="scope=openid")) == "invalid_request"
    assert error_of(app.send("POST", path, [*form.items(), ("scope", "age")])) == "invalid_request"
    assert error_of(app.send("POST", path, body=b"{}", content_type="application/json")) == "invalid_request"


def test_public_client_gets_so_many_codes_a_minute_from_one_network(app: App) -> None:
    """row 94: nobody fills the table, or the space of codes, through a client without a secret."""
    party = register_device_app(app, name="Flooded TV")
    flood = [ask_from(party, "192.0.2.1") for _ in range(PUBLIC_PER_MINUTE + 1)]
    assert flood == [200] * PUBLIC_PER_MINUTE + [429]
    assert ask_from(party, "192.0.2.2") == 200
    app.clock.advance(60)
    assert ask_from(party, "192.0.2.1") == 200


def ask_from(party: RelyingParty, address: str) -> int:
    """The status that a network is answered with."""
    return party.post("/device_authorization", {"scope": "openid age"}, peer=address).status_code


# ------------------------------------------------------------------------------------------------- row 95: the answer
def test_answer_has_every_member_and_is_not_stored(party: RelyingParty) -> None:
    """row 95: RFC 8628, section 3.2."""
    answer = ask(party)
    body = success(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"
    assert set(body) == {
        "device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval",
    }  # fmt: skip
    assert body["verification_uri"] == "https://id.example/device"
    assert body["verification_uri_complete"] == f"https://id.example/device?user_code={body['user_code']}"
    assert 0 < body["expires_in"] <= 600
    assert body["interval"] == 5


def test_codes_are_long_and_never_twice_the_same(party: RelyingParty) -> None:
    """row 95: RFC 8628, sections 5.2 and 6.1: 128 bits or more for the device, eight letters of twenty for people."""
    bodies = [success(ask(party)) for _ in range(30)]
    device_codes = [urlsafe_b64decode(body["device_code"] + "==") for body in bodies]
    assert all(len(code) >= 16 for code in device_codes) and len(set(device_codes)) == 30
    user_codes = [body["user_code"] for body in bodies]
    assert all(re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", code) for code in user_codes)
    assert len(set(user_codes)) == 30


def test_metadata_names_the_endpoint_and_the_grant(app: App) -> None:
    """row 95: RFC 8628, section 4."""
    document = app.json("/.well-known/openid-configuration")
    assert document["device_authorization_endpoint"] == "https://id.example/device_authorization"
    assert GRANT_TYPE in document["grant_types_supported"]
