"""The client configuration endpoint at the wire (RFC 7592), conformance row 84; races of update and deletion."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from idp.domain.client import ClientState
from idp.services.clients import set_client_state
from tests.assertion_client import AssertionKey, key_set
from tests.registration import SERVER_FIELDS, Desk, RegisteredApp, at_once, open_desk
from tests.relying_party import error_of, success
from tests.web.visitor import forms_of

YEAR = 365 * 86400


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One issuer for the tests of this module."""
    with open_desk(tmp_path_factory.mktemp("configuration")) as running:
        yield running


@pytest.fixture
def active(desk: Desk) -> RegisteredApp:
    """An app of a registrar: reviewed, so to speak."""
    return desk.registered(desk.initial_token(), client_name="Maple Library")


# ------------------------------------------------------------------------------------------------------------- reading
def test_an_app_reads_its_registration_with_its_token(desk: Desk) -> None:
    """row 84: RFC 7592, sections 2.1 and 3: as registered, less the secret, which is not kept."""
    app = desk.registered(client_name="Reading Room")
    answer = app.send("GET")
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    information = dict(app.information)
    del information["client_secret"]
    assert answer.json == information


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "case", ["no token", "nonsense", "another client's", "initial access", "client secret", "basic"]
)
def test_only_the_clients_own_token_opens_its_registration(desk: Desk, method: str, case: str) -> None:
    """row 84: RFC 7592, section 2: 401, and the same one whatever is wrong."""
    app, other = desk.registered(), desk.registered()
    token = {
        "nonsense": "nonsense",
        "another client's": other.information["registration_access_token"],
        "initial access": desk.initial_token(),
        "client secret": app.information["client_secret"],
    }.get(case)
    headers = {"Authorization": "Basic eDp5"} if case == "basic" else {}
    answer = app.send(method, app.metadata, token) if token else app.send(method, app.metadata, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    if token:
        assert answer.text == app.send(method, app.metadata, "nonsense").text
    assert app.send("GET").status_code == 200


@pytest.mark.parametrize("client_id", ["unknown", "", "..", "a%00b", "x" * 200, "%ff", "a b", "é", "' OR 1=1 --"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_client_is_401(desk: Desk, method: str, client_id: str) -> None:
    """row 84: RFC 7592, sections 2.1 to 2.3: never a 5xx, whatever stands in the address."""
    answer = desk.app.send(
        method, f"/register/{client_id}", body=b"{}", content_type="application/json",
        headers={"Authorization": "Bearer abc"},
    )  # fmt: skip
    assert answer.status_code == 401


def test_guessed_tokens_are_limited(desk: Desk) -> None:
    """row 57: RFC 6750, section 5: 429 with Retry-After after a minute's worth of wrong tokens."""
    app, peer = desk.registered(), desk.app.fresh_address()
    answers = [app.send("GET", token="guess", peer=peer) for _ in range(70)]
    assert answers[0].status_code == 401 and answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_other_methods_are_not_allowed(desk: Desk) -> None:
    """RFC 9110, section 15.5.6."""
    answer = desk.registered().send("POST", {})
    assert answer.status_code == 405 and answer.headers["Allow"] == "GET, PUT, DELETE"


# ------------------------------------------------------------------------------------------------------------ changing
def test_an_update_replaces_and_does_not_add(desk: Desk) -> None:
    """row 84: RFC 7592, section 2.2: what is left out goes back to its default."""
    host = desk.fresh_host()
    app = desk.registered(
        redirect_uris=[f"https://{host}/a", f"https://{host}/b"], client_name="First Name", default_max_age=60,
        contacts=["a@b.example"], tos_uri=f"https://{host}/terms",
    )  # fmt: skip
    changed = success(app.send("PUT", {"client_id": app.id, "redirect_uris": [f"https://{host}/c"]}))
    assert changed["redirect_uris"] == [f"https://{host}/c"] and changed["client_name"] == host
    assert not {"default_max_age", "contacts", "tos_uri"} & changed.keys()
    assert changed["registration_access_token"] == app.information["registration_access_token"]
    assert success(app.send("GET")) == changed


def test_putting_everything_back_changes_nothing(desk: Desk, active: RegisteredApp) -> None:
    """RFC 7592, section 2.2: what was returned may be sent again as it is."""
    before = success(active.send("GET"))
    assert active.changed() == before
    assert before["blindage_state"] == "active"


@pytest.mark.parametrize("client_id", [None, "other", 7, ["x"], {}])
def test_an_update_must_carry_its_own_client_id(desk: Desk, client_id: object) -> None:
    """row 84: RFC 7592, section 2.2."""
    app = desk.registered()
    assert error_of(app.put(client_id=client_id)) == "invalid_client_metadata"


@pytest.mark.parametrize("field", SERVER_FIELDS)
def test_an_update_must_not_carry_what_the_server_says(desk: Desk, field: str) -> None:
    """row 84: RFC 7592, section 2.2."""
    app = desk.registered()
    assert error_of(app.put(**{field: app.information[field]})) == "invalid_client_metadata"


def test_a_client_secret_in_an_update_must_be_the_current_one(desk: Desk) -> None:
    """row 84: RFC 7592, section 2.2: nobody chooses their own."""
    app = desk.registered()
    assert app.put(client_secret=app.information["client_secret"]).status_code == 200
    for secret in ("my own choice, and long enough to be one", "", 7, ["x"]):
        answer = app.put(client_secret=secret)
        assert answer.status_code == 200 if secret == "" else error_of(answer) == "invalid_client_metadata"
    public = desk.registered(token_endpoint_auth_method="none")
    assert error_of(public.put(client_secret="anything")) == "invalid_client_metadata"
    assert "code" in app.party().sign_in(desk.tester())


def test_the_secret_follows_the_authentication_method(desk: Desk) -> None:
    """RFC 7591, section 3.2.1: a new secret is shown once, one that is not needed is gone, one that serves stays."""
    app = desk.registered(token_endpoint_auth_method="none")
    first = app.changed(token_endpoint_auth_method="client_secret_basic")
    assert len(first["client_secret"]) == 43
    same = app.changed(token_endpoint_auth_method="client_secret_post")
    assert "client_secret" not in same and same["client_secret_expires_at"] == 0
    app.information["client_secret"] = first["client_secret"]
    assert app.party().tokens(desk.tester())["access_token"]
    keys = app.changed(token_endpoint_auth_method="private_key_jwt", jwks=key_set(AssertionKey()))
    assert not {"client_secret", "client_secret_expires_at"} & keys.keys()
    assert app.party().client.secret_hash is None


def test_an_update_is_checked_as_a_registration_is(desk: Desk) -> None:
    """RFC 7592, section 2.2: and refused as a whole."""
    app = desk.registered()
    assert error_of(app.put(redirect_uris=["javascript:alert(1)"])) == "invalid_redirect_uri"
    assert error_of(app.put(redirect_uris=["https://a.example/", "https://b.example/"])) == "invalid_client_metadata"
    assert error_of(app.put(grant_types=["password"])) == "invalid_client_metadata"
    assert error_of(app.put(client_name="\u202eevil")) == "invalid_client_metadata"
    assert error_of(app.send("PUT", b"[]")) == "invalid_client_metadata"
    assert app.metadata.items() <= success(app.send("GET")).items()


def test_a_suspended_app_may_look_and_nothing_else(desk: Desk) -> None:
    """RFC 7592, section 2.2: 403 when the client may not change its record."""
    app = desk.registered()
    set_client_state(desk.app.provider.realm, app.id, ClientState.SUSPENDED)
    assert success(app.send("GET"))["blindage_state"] == "suspended"
    assert error_of(app.put(), 403) == "access_denied"
    assert error_of(app.send("DELETE"), 403) == "access_denied"
    assert app.state == "suspended"


# --------------------------------------------------------------------------------------------- what a review was about
REVIEWED: list[dict[str, Any]] = [
    {"client_name": "Another Name"},
    {"redirect_uris": ["https://another.example/cb"]},
    {"post_logout_redirect_uris": ["https://another.example/bye"]},
    {"policy_uri": "https://another.example/privacy"},
    {"tos_uri": "https://another.example/terms"},
    {"client_uri": "https://another.example/"},
    {"logo_uri": "https://another.example/logo.png"},
    {"blindage_category": "social"},
    {"blindage_thresholds": [14, 18]},
    {"blindage_manifest": {"purpose": "something else"}},
    {"scope": "openid age offline_access"},
]


@pytest.mark.parametrize("change", REVIEWED, ids=lambda change: next(iter(change)))
def test_what_a_review_was_about_cannot_change_without_another(
    desk: Desk, active: RegisteredApp, change: dict[str, Any]
) -> None:
    """issue: changing the manifest or thresholds, or what people trust the app by, sets re-review."""
    assert active.changed(**change)["blindage_state"] == "pending"
    active.review()
    assert active.state == "active"


@pytest.mark.parametrize(
    "change",
    [
        {"jwks": key_set(AssertionKey())}, {"contacts": ["new@b.example"]}, {"default_max_age": 60},
        {"scope": "openid"}, {"id_token_signed_response_alg": "ES256"}, {"backchannel_logout_uri": "https://other.example/logout"},
        {"blindage_manifest": {"version": 99}}, {"dpop_bound_access_tokens": True},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_the_rest_changes_at_once(desk: Desk, active: RegisteredApp, change: dict[str, Any]) -> None:
    """Keys must be rotated without asking anybody."""
    changed = active.changed(**change)
    assert changed["blindage_state"] == "active" and changed["blindage_manifest"]["version"] == 1


def test_another_path_on_the_same_host_needs_no_review(desk: Desk, active: RegisteredApp) -> None:
    """The host is what was reviewed, and what people see."""
    uri = active.metadata["redirect_uris"][0] + "/deeper"
    assert active.changed(redirect_uris=[uri])["blindage_state"] == "active"


def test_another_sector_needs_another_review(desk: Desk) -> None:
    """OIDC Core, section 8.1: the keys of a device's app show whose it is, and so by what `sub` it knows people."""
    host, other = desk.fresh_host(), desk.fresh_host()
    app = desk.registered(
        desk.initial_token("Cedar House"), redirect_uris=None, client_name="Cedar Television",
        grant_types=["urn:ietf:params:oauth:grant-type:device_code"], token_endpoint_auth_method="private_key_jwt",
        jwks_uri=f"https://{host}/jwks",
    )  # fmt: skip
    assert app.party().client.sector == host
    assert app.changed(jwks_uri=f"https://{host}/new-jwks")["blindage_state"] == "active"
    assert app.changed(jwks_uri=f"https://{other}/jwks")["blindage_state"] == "pending"
    app.review()
    assert app.party().client.sector == other


def test_a_new_declaration_has_a_new_version_and_asks_consent_again(desk: Desk, active: RegisteredApp) -> None:
    """issue: manifest.version grows with manifest, category and thresholds (rules of 2019 on children's data)."""
    tester = desk.tester()
    assert "code" in active.party().sign_in(tester)
    answer = active.party().ask(tester.browser)
    assert answer.location.startswith(active.party().callback), "agreed already"
    versions = [
        active.changed(**change)["blindage_manifest"]["version"]
        for change in (
            {"blindage_manifest": {"purpose": "new"}},
            {"blindage_manifest": {"purpose": "new"}, "blindage_category": "live"},
            {"blindage_manifest": {"purpose": "new"}, "blindage_category": "live", "blindage_thresholds": [16]},
            {"blindage_manifest": {"purpose": "new"}, "blindage_category": "live", "blindage_thresholds": [16]},
        )
    ]
    assert versions == [2, 3, 4, 4]
    active.review()
    page = tester.browser.follow(active.party().ask(tester.browser))
    assert page.status_code == 200 and forms_of(page)[0].fields["manifest"] == "4"


def test_thresholds_of_a_reviewed_app_change_once_in_365_days(desk: Desk) -> None:
    """product.md: an app that could move its thresholds would find the birth date (threats C06)."""
    app = desk.registered(blindage_thresholds=[18])
    app.changed(blindage_thresholds=[16])
    app.changed(blindage_thresholds=[14])
    app.review()
    app.information = app.changed(blindage_thresholds=[12])
    assert error_of(app.put(blindage_thresholds=[8])) == "invalid_client_metadata"
    assert error_of(app.put(blindage_thresholds=None)) == "invalid_client_metadata"
    app.review()
    desk.app.clock.advance(YEAR - 1)
    assert error_of(app.put(blindage_thresholds=[8])) == "invalid_client_metadata"
    desk.app.clock.advance(1)
    assert app.changed(blindage_thresholds=[8])["blindage_thresholds"] == [8]


def test_what_the_operator_set_outlives_an_update(desk: Desk, active: RegisteredApp) -> None:
    """An update is the app's own metadata; resources and owner are not for it to say."""
    before = active.party().client
    active.changed(client_name="Whatever", resources=["https://api.example/"], owner="somebody", sector="x", state="x")
    after = active.party().client
    assert (after.resources, after.owner, after.created_at) == (before.resources, before.owner, before.created_at)
    assert after.version == before.version + 1


# ------------------------------------------------------------------------------------------------------------ deleting
def test_deletion_is_204_and_ends_everything(desk: Desk) -> None:
    """row 84: RFC 7592, section 2.3: registration, grants, tokens, sign-in."""
    app = desk.registered(grant_types=["authorization_code", "refresh_token"])
    party, person = app.party(), desk.tester()
    tokens = party.tokens(person, scope="openid age offline_access")
    assert party.holds(tokens["access_token"])
    answer = app.send("DELETE")
    assert answer.status_code == 204 and answer.data == b""
    assert "Content-Length" not in answer.headers and "Content-Type" not in answer.headers
    assert not party.holds(tokens["access_token"])
    assert error_of(party.refresh(tokens["refresh_token"]), 401) == "invalid_client"
    assert party.ask(desk.app.browser()).status_code == 400
    grants = desk.app.provider.realm.store.read(lambda tx: tx.grants.of_account(person.account.id))
    assert [grant.revoked_at for grant in grants] == [desk.app.clock.now()]
    for method in ("GET", "PUT", "DELETE"):
        assert error_of(app.send(method, app.metadata), 401) == "invalid_token"


@pytest.mark.parametrize("round_", range(10))
def test_an_update_racing_a_deletion_brings_nothing_back(desk: Desk, round_: int) -> None:
    """issue: registration update against delete: the app is gone, and no answer is a 5xx."""
    app = desk.registered()
    update, deletion = at_once(partial(app.put, default_max_age=5), partial(app.send, "DELETE"))
    assert deletion.status_code == 204
    assert update.status_code in (200, 401)
    assert app.send("GET").status_code == 401
    assert desk.app.provider.realm.store.read(lambda tx: tx.clients.current(app.id)) is None


def test_of_two_updates_at_once_none_is_lost_unseen(desk: Desk) -> None:
    """RFC 7592, section 2.2: each replaced what it saw, or is told (409) that it did not."""
    for _ in range(10):
        app = desk.registered()
        puts = [partial(app.put, default_max_age=seconds) for seconds in (1, 2)]
        statuses = [answer.status_code for answer in at_once(*puts)]
        assert set(statuses) <= {200, 409} and 200 in statuses
        assert app.party().client.version == 1 + statuses.count(200)
