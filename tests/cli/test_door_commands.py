"""Commands beside a door: apps and keys as at the account issuer, and no people."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from idp.cli.root import blindage
from idp.domain.errors import DomainError

CALLBACK = "https://app.example/callback"


def run(directory: Path, *arguments: str, told: str | None = None) -> Result:
    """A command with a door's settings; it makes the database when it is the first."""
    environment = {
        "BLINDAGE_DATA_DIR": str(directory), "BLINDAGE_ISSUER": "https://door.example", "BLINDAGE_ROLE": "door",
    }  # fmt: skip
    return CliRunner(env=environment).invoke(blindage, arguments, input=told)


def printed(result: Result) -> Any:
    """What a command that must succeed prints as JSON."""
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def test_apps_are_registered_without_what_the_door_does_not_offer(tmp_path: Path) -> None:
    registered = printed(run(tmp_path, "client", "register", "--name", "Poplar", "--redirect-uri", CALLBACK, "--json"))
    shown = printed(run(tmp_path, "client", "show", registered["client_id"], "--json"))
    assert shown["grant_types"] == ["authorization_code"] and shown["undelivered_messages"] == []
    assert [app["client_id"] for app in printed(run(tmp_path, "client", "list", "--json"))] == [registered["client_id"]]
    register = ("client", "register", "--name", "Willow", "--redirect-uri", CALLBACK)
    for more in (("--grant", "refresh_token"), ("--scope", "openid offline_access"), ("--thresholds", "16")):
        result = run(tmp_path, *register, *more)
        assert isinstance(result.exception, DomainError) and result.exception.reason == "invalid_client_metadata", more
    assert printed(run(tmp_path, "client", "suspend", registered["client_id"], "--json"))["state"] == "suspended"


def test_care_of_the_data_works_as_at_the_account_issuer(tmp_path: Path) -> None:
    printed(run(tmp_path, "client", "register", "--name", "Poplar", "--redirect-uri", CALLBACK, "--json"))
    assert {key["alg"] for key in printed(run(tmp_path, "keys", "list", "--json"))} == {"RS256", "ES256", "EdDSA"}
    assert printed(run(tmp_path, "keys", "rotate", "--json"))["published"]
    removed = printed(run(tmp_path, "housekeeping", "--json"))
    assert set(removed) >= {"spent_tokens", "answered_requests", "door_grants"}
    found = printed(run(tmp_path, "fsck", "--json"))
    assert {item["invariant"] for item in found} == {"I1", "I4", "I6", "I9", "I10", "I11", "I12"}
    assert not any(item["violations"] for item in found)
    assert printed(run(tmp_path, "audit", "verify", "--json")) == []
    kinds = {event["kind"] for event in printed(run(tmp_path, "audit", "show", "--json"))}
    assert kinds == {"client.registered", "key.made"}
    copy = tmp_path / "copy.db"
    assert run(tmp_path, "backup", str(copy)).exit_code == 0 and copy.stat().st_size > 0
    assert run(tmp_path, "db", "upgrade").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("account", "list"),
        ("account", "create", "--username", "somebody", "--password-stdin"),
        ("evidence", "record", "--username", "somebody", "--birthdate", "1990-05-17", "--method", "in_person",
         "--assurance", "standard"),
        ("guardian", "link", "--guardian", "somebody", "--child", "other"),
        ("tokens", "keys"),
        ("tokens", "rotate"),
    ],
)  # fmt: skip
def test_what_is_of_people_is_refused_in_words(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run(tmp_path, *arguments, told="a long enough password\n")
    assert isinstance(result.exception, DomainError), (result.output, result.exception)
    assert result.exception.reason in ("not_here", "unknown_account")
