"""Whose pseudonyms an app on devices sees (OIDC Core, 8.1): nobody redirects to it, so its keys speak for it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.domain.device_grant import GRANT_TYPE
from idp.domain.errors import Refused
from tests.assertion_client import AssertionKey, assertion_claims, assertion_form, key_set
from tests.device import Device, new_device, register_device_app
from tests.registration import Desk, RegisteredApp, open_desk
from tests.relying_party import error_of, success


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One issuer for the tests of this module."""
    with open_desk(tmp_path_factory.mktemp("sectors")) as running:
        yield running


def device_members(desk: Desk, **changes: Any) -> dict[str, Any]:
    """Metadata of an app on devices that proves itself by keys at a host of its own."""
    host = desk.fresh_host()
    members = {
        "client_name": f"Television of {host.partition('.')[0]}",
        "redirect_uris": None,
        "grant_types": [GRANT_TYPE],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": f"https://{host}/jwks.json",
        **changes,
    }
    return members


def sector(app: RegisteredApp) -> str:
    """The sector as it is stored."""
    return app.party().client.sector



def test_sector_is_the_host_of_the_keys(desk: Desk) -> None:
    """row 100: without redirect URIs and without a sector_identifier_uri."""
    members = device_members(desk)
    registered = desk.registered(**members)
    assert f"https://{sector(registered)}/jwks.json" == members["jwks_uri"]
    assert registered.information["response_types"] == []
    assert "redirect_uris" not in registered.information


@pytest.mark.parametrize(
    "changes",
    [
        {"token_endpoint_auth_method": "none"},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"jwks_uri": None, "jwks": key_set(AssertionKey())},
        {"jwks_uri": None, "token_endpoint_auth_method": "none"},
        {"jwks_uri": None, "token_endpoint_auth_method": "none", "sector_identifier_uri": "https://victim.example/s"},
        {"token_endpoint_auth_method": "none", "redirect_uris": ["https://victim.example/cb"],
         "grant_types": ["authorization_code", GRANT_TYPE]},
    ],
    ids=["public", "secret", "keys by value", "nothing", "sector document alone", "somebody's redirect URI"],
)  # fmt: skip
def test_pairwise_is_refused_where_nothing_shows_whose_the_app_is(desk: Desk, changes: dict[str, Any]) -> None:
    """row 100: else whoever polls would see the pseudonyms of a host by naming it."""
    answer = desk.ask(**device_members(desk, **changes))
    assert error_of(answer) == "invalid_client_metadata"
    assert "sector" in answer.json["error_description"]


def test_redirect_uris_do_not_speak_for_what_a_device_polls(desk: Desk) -> None:
    """row 100: they must be on the host of the keys, or a sector document must join both."""
    both = {"grant_types": ["authorization_code", GRANT_TYPE], "redirect_uris": ["https://victim.example/cb"]}
    assert error_of(desk.ask(**device_members(desk, **both))) == "invalid_client_metadata"
    host = desk.fresh_host()
    own = {**both, "redirect_uris": [f"https://{host}/cb"], "jwks_uri": f"https://{host}/jwks.json"}
    assert sector(desk.registered(**device_members(desk, **own))) == host


@pytest.mark.parametrize(("listed", "status"), [("jwks_uri", 201), ("something else", 400), ("nothing", 400)])
def test_sector_document_lists_the_keys(desk: Desk, listed: str, status: int) -> None:
    """row 100: as the redirect URIs, and as in CIBA (section 4): an empty list proves nothing."""
    token, host = desk.initial_token("registrar"), desk.fresh_host()
    members = device_members(desk, sector_identifier_uri=f"https://{host}/sector.json")
    document = {"jwks_uri": [members["jwks_uri"]], "something else": ["https://x.example/"], "nothing": []}[listed]
    desk.fetcher.documents[members["sector_identifier_uri"]] = json.dumps(document).encode()
    answer = desk.ask(token, **members)
    assert answer.status_code == status, answer.text
    if status == 201:
        assert isinstance(answer.json, dict)
        assert sector(RegisteredApp(desk, answer.json)) == host


def test_sector_document_of_an_open_registration_counts_once_it_was_read(desk: Desk) -> None:
    """row 100: until the review the app is a sector of its own, and nothing is fetched."""
    host = desk.fresh_host()
    members = device_members(desk, sector_identifier_uri=f"https://{host}/sector.json")
    desk.fetcher.asked.clear()
    registered = desk.registered(**members)
    assert sector(registered) == f"client:{registered.id}" and desk.fetcher.asked == []
    desk.fetcher.documents[members["sector_identifier_uri"]] = b"[]"
    with pytest.raises(Refused, match="jwks_uri"):
        registered.review()
    desk.fetcher.documents[members["sector_identifier_uri"]] = json.dumps([members["jwks_uri"]]).encode()
    registered.review()
    assert sector(registered) == host


def test_device_grant_asked_for_later_waits_for_a_review(desk: Desk) -> None:
    """row 100: a reviewed app that adds it is pending again, and needs its keys."""
    host = desk.fresh_host()
    uri = f"https://{host}/cb"
    registered = desk.registered(client_name=f"Grows {host.partition('.')[0]}", redirect_uris=[uri])
    registered.review()
    assert registered.state == "active"
    more = {"grant_types": ["authorization_code", GRANT_TYPE]}
    assert error_of(registered.put(**more)) == "invalid_client_metadata"
    keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": f"https://{host}/jwks.json"}
    answer = registered.put(**more, **keys)
    assert answer.status_code == 200, answer.text
    assert registered.state == "pending"


def test_operator_may_register_an_app_without_any_address(desk: Desk) -> None:
    """row 100: it is a sector of its own: no other app shares its pseudonyms."""
    one = register_device_app(desk.app, name="Lobby screen")
    two = register_device_app(desk.app, name="Hall screen")
    assert one.client.sector == f"client:{one.id}" and two.client.sector == f"client:{two.id}"
    person = desk.app.person()
    subjects = set()
    for party in (one, two):
        device = new_device(party)
        device.answered_by(person)
        subjects.add(desk.app.verified(device.tokens()["id_token"])[1]["sub"])
    assert len(subjects) == 2


def test_one_app_by_browser_and_by_device_sees_one_pseudonym(desk: Desk) -> None:
    """row 100: a sector is a sector, whichever way the answer comes."""
    host = desk.fresh_host()
    callback, grants = f"https://{host}/cb", frozenset({"authorization_code", GRANT_TYPE})
    web = desk.app.register_client(name="Library", redirect_uris=(callback,))
    television = desk.app.register_client(name="Library TV", redirect_uris=(callback,), grant_types=grants)
    person = desk.app.person()
    by_browser = desk.app.verified(web.tokens(person)["id_token"])[1]["sub"]
    device = new_device(television)
    device.answered_by(person)
    assert desk.app.verified(device.tokens()["id_token"])[1]["sub"] == by_browser


class KeyedTelevision:
    """A registered app on devices that signs its requests with the key at its `jwks_uri`."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.key = desk, AssertionKey()
        members = device_members(desk)
        desk.fetcher.documents[members["jwks_uri"]] = json.dumps(key_set(self.key)).encode()
        self.registered = desk.registered(**members)

    def post(self, path: str, **form: str) -> TestResponse:
        """A request with a fresh assertion."""
        app = self.desk.app
        claims = assertion_claims(self.registered.id, app.issuer, app.clock.now())
        return app.send("POST", path, assertion_form(self.key.sign(claims), **form))

    def new_device(self) -> Device:
        """A device that shows its code."""
        return Device(self.registered.party(), success(self.post("/device_authorization", scope="openid age")))

    def poll(self, device: Device) -> TestResponse:
        """Ask for its tokens."""
        return self.post("/token", grant_type=GRANT_TYPE, device_code=device.codes["device_code"])


def test_app_that_registered_itself_serves_everybody_after_its_review(desk: Desk) -> None:
    """row 100: nothing is fetched before, its keys neither."""
    television = KeyedTelevision(desk)
    refused = television.post("/device_authorization", scope="openid age")
    assert error_of(refused, 401) == "invalid_client"
    television.registered.review()
    device, person = television.new_device(), desk.app.person()
    device.answered_by(person)
    assert desk.app.verified(success(television.poll(device))["id_token"])[1]["age_band"] == "adult"


def test_app_that_waits_for_another_review_is_refused_meanwhile(desk: Desk) -> None:
    """row 100: its keys may have changed with it, and are not fetched."""
    television = KeyedTelevision(desk)
    television.registered.review()
    device, person = television.new_device(), desk.app.person()
    device.answered_by(person)
    host = desk.fresh_host()
    assert television.registered.put(client_name=f"New name {host.partition('.')[0]}").status_code == 200
    assert television.registered.state == "pending"
    assert error_of(television.poll(device), 401) == "invalid_client"
