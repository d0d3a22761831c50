"""Pushed requests required of everybody by a setting (RFC 9126, section 5; conformance row 105)."""

from collections.abc import Iterator

import pytest

from idp.settings import SettingsError, read_settings
from tests.app import App, running_app
from tests.web.visitor import returned


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An issuer with the switch on, as its environment says it."""
    with running_app(tmp_path_factory.mktemp("strict"), require_par=True) as app:
        yield app


def test_the_metadata_says_what_is_required(strict: App, app: App) -> None:
    """row 105: RFC 9126, section 5."""
    for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
        assert strict.json(path)["require_pushed_authorization_requests"] is True
        assert app.json(path)["require_pushed_authorization_requests"] is False


@pytest.mark.parametrize("public", [False, True])
def test_no_app_is_served_without_pushing(strict: App, public: bool) -> None:
    """row 105: RFC 9126, section 5: whatever it is registered with."""
    party = strict.register_client(token_endpoint_auth_method="none") if public else strict.register_client()
    for prompt in ({}, {"prompt": "none"}):
        assert party.refused(strict.browser(), **prompt) == "invalid_request"
    pushed = party.push(prompt="none")
    assert pushed.status_code == 201
    answer = strict.browser().get(f"/authorize?client_id={party.id}&request_uri={pushed.json['request_uri']}")
    assert returned(answer)["error"] == "login_required"


def test_a_pushed_request_goes_the_whole_way(strict: App) -> None:
    person, party = strict.person(), strict.register_client()
    uri = party.push().json["request_uri"]
    answer = person.browser.complete(
        person.browser.get(f"/authorize?client_id={party.id}&request_uri={uri}"), person.username
    )
    assert "code" in returned(answer)


def test_the_setting_is_a_switch_and_does_not_shut_the_wallet_out() -> None:
    issuer = "https://id.example"
    assert read_settings({"BLINDAGE_REQUIRE_PAR": "on"}, issuer).require_par
    assert not read_settings({}, issuer).require_par
    for environment in (
        {"BLINDAGE_REQUIRE_PAR": "yes"},
        {"BLINDAGE_REQUIRE_PAR": "on", "BLINDAGE_DOOR_ISSUER": "https://door.example"},
    ):
        with pytest.raises(SettingsError, match="REQUIRE_PAR"):
            read_settings(environment, issuer)
