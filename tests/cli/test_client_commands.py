"""`blindage client`: what an operator sees of apps that registered themselves, and how they are let in."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from idp.cli.clients import client as client_commands
from idp.domain.errors import Refused
from idp.services.clients import CLIENT_ID_BYTES
from tests.app import ISSUER
from tests.registration import Desk, RegisteredApp, open_desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An issuer that serves while the commands run beside it."""
    with open_desk(tmp_path_factory.mktemp("commands")) as running:
        yield running


def run(desk: Desk, *arguments: str) -> Result:
    """A command with the issuer's settings."""
    environment = {"BLINDAGE_DATA_DIR": str(desk.app.settings.data_dir), "BLINDAGE_ISSUER": ISSUER}
    return CliRunner(env=environment).invoke(client_commands, arguments)


def printed(result: Result) -> Any:
    """What a command that must succeed prints as JSON."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_show_prints_everything_but_secrets(desk: Desk) -> None:
    app = desk.registered(client_name="Poplar Radio", blindage_manifest={"purpose": "music"})
    result = run(desk, "show", app.id, "--json")
    shown = printed(result)
    assert shown["client_name"] == "Poplar Radio" and shown["blindage_manifest"]["purpose"] == "music"
    assert (shown["state"], shown["owner"], shown["reviewed_at"], shown["version"]) == ("pending", None, None, 1)
    for secret in ("client_secret", "registration_access_token"):
        assert app.information[secret] not in result.output
    client = app.party().client
    for digest in (client.secret_hash, client.registration_token_hash):
        assert digest is not None and digest.hex() not in result.output


def test_show_of_an_unknown_app_is_refused(desk: Desk) -> None:
    assert isinstance(run(desk, "show", "unknown").exception, Refused)


def test_no_app_has_an_id_that_commands_take_for_an_option(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([b"\xf8" * CLIENT_ID_BYTES, b"\xfb" * CLIENT_ID_BYTES])
    real = secrets.token_bytes

    def unlucky(size: int) -> bytes:
        return next(drawn, real(size)) if size == CLIENT_ID_BYTES else real(size)

    monkeypatch.setattr(secrets, "token_bytes", unlucky)
    app = desk.registered()
    assert next(drawn, None) is None, "both were drawn, and begin with a dash"
    assert printed(run(desk, "show", app.id, "--json"))["client_name"]


def test_review_lets_everybody_in_for_the_version_that_was_seen(desk: Desk) -> None:
    app = desk.registered()
    seen = printed(run(desk, "show", app.id, "--json"))["version"]
    app.changed(default_max_age=60)
    assert isinstance(run(desk, "review", app.id, "--version", str(seen)).exception, Refused)
    assert app.state == "pending"
    reviewed = printed(run(desk, "review", app.id, "--version", str(seen + 1), "--owner", "Maple House", "--json"))
    assert reviewed == {"client_id": app.id, "state": "active", "owner": "Maple House"}
    assert app.party().client.owner == "Maple House"


def test_a_suspended_app_is_out_until_it_is_reviewed_again(desk: Desk) -> None:
    app = desk.registered(desk.initial_token())
    assert printed(run(desk, "suspend", app.id, "--json"))["state"] == "suspended"
    assert app.state == "suspended"
    assert printed(run(desk, "review", app.id, "--json"))["state"] == "active"


def test_a_token_for_a_registrar_registers_active_apps(desk: Desk) -> None:
    made = printed(run(desk, "initial-access-token", "--registrar", "Play Store", "--days", "2", "--json"))
    assert made["registrar"] == "Play Store"
    app = desk.registered(made["initial_access_token"])
    assert app.information["blindage_state"] == "active"
    assert printed(run(desk, "show", app.id, "--json"))["owner"] == "Play Store"


def test_a_token_without_a_name_is_the_operators_own(desk: Desk) -> None:
    made = printed(run(desk, "initial-access-token", "--json"))
    assert made["registrar"] == "operator"
    app = desk.registered(made["initial_access_token"])
    assert isinstance(app, RegisteredApp) and app.party().client.owner == "operator"


@pytest.mark.parametrize("registrar", ["", " x", "x" * 65, "a\nb", "Müller", "a/b"])
def test_a_registrars_name_is_plain(desk: Desk, registrar: str) -> None:
    assert isinstance(run(desk, "initial-access-token", "--registrar", registrar).exception, Refused)


def test_admitting_a_registrar_is_audited_without_the_token(desk: Desk) -> None:
    made = printed(run(desk, "initial-access-token", "--registrar", "Audited House", "--json"))
    events = desk.app.provider.realm.store.read(lambda tx: tx.audit.page(b"", 1000))
    admitted = [event for event in events if event.kind == "registrar.admitted" and event.subject == "Audited House"]
    assert len(admitted) == 1 and ("expires_at", str(made["expires_at"])) in admitted[0].details
    assert made["initial_access_token"] not in repr(events)


@pytest.mark.parametrize("days", ["0", "91", "x"])
def test_tokens_live_one_to_ninety_days(desk: Desk, days: str) -> None:
    assert run(desk, "initial-access-token", "--days", days).exit_code == 2


def test_apps_are_inspected_in_counts(desk: Desk) -> None:
    party = desk.app.register_client(thresholds=(16, 18))
    rows = json.loads(run(desk, "inspect", "--json").stdout)
    [row] = [one for one in rows if one["client_id"] == party.id]
    assert (row["scope"], row["thresholds"], row["asked"], row["remarks"]) == ("openid age", "16, 18", 0, None)
    assert run(desk, "inspect", "--days", "91").exit_code == 2
