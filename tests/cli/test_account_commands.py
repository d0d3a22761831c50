"""`blindage account`: the code that an operator gives to somebody who lost their password."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idp.cli.account import account as account_commands
from idp.domain.errors import Refused
from tests.app import running_app

FRESH = "a different long password"


def _run(data_dir: Path, *arguments: str, stdin: str = "") -> Result:
    environment = {"BLINDAGE_DATA_DIR": str(data_dir), "BLINDAGE_ISSUER": "https://id.example"}
    return CliRunner(env=environment).invoke(account_commands, arguments, input=stdin)


def test_an_operators_code_opens_the_reset_page_once(tmp_path: Path) -> None:
    with running_app(tmp_path) as app:
        person = app.person()
        result = _run(tmp_path, "reset-code", "--username", person.username, "--json")
        assert result.exit_code == 0, result.output
        made = json.loads(result.stdout)
        assert set(made) == {"code", "expires_at"}
        browser = person.browser
        fields = {"username": person.username, "code": made["code"], "new_password": FRESH}
        app.clock.advance(made["expires_at"] - app.clock.now() - 1)
        assert browser.submit(browser.get("/reset"), fields).status_code == 303
        assert browser.submit(browser.get("/reset"), fields).status_code == 400


def test_there_is_no_code_for_nobody(tmp_path: Path) -> None:
    result = _run(tmp_path, "reset-code", "--username", "nobody", "--json")
    assert isinstance(result.exception, Refused)
    assert result.exception.reason == "unknown_account"
    assert result.stdout == ""


@pytest.mark.parametrize("password", ["PassWord123", "short"])
def test_an_operator_cannot_give_a_widely_known_password(tmp_path: Path, password: str) -> None:
    result = _run(tmp_path, "create", "--username", "someone", "--password-stdin", "--json", stdin=password + "\n")
    assert isinstance(result.exception, Refused)
    assert result.exception.reason == "weak_password"
