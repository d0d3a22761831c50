"""`/.well-known/security.txt` (RFC 9116)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from idp.settings import SettingsError, read_settings
from tests.app import running_app


@pytest.mark.parametrize("issuer", ["https://id.example", "https://id.example/age"])
def test_it_names_the_contact_and_an_end_within_a_year(tmp_path: Path, issuer: str) -> None:
    with running_app(tmp_path, issuer, security_contact="mailto:security@id.example") as app:
        answer = app.send("GET", "/.well-known/security.txt")
        assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
        fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
        assert fields["Contact"] == "mailto:security@id.example"
        assert fields["Canonical"] == "https://id.example/.well-known/security.txt"
        expires = datetime.fromisoformat(fields["Expires"].replace("Z", "+00:00"))
        left = (expires - datetime.fromtimestamp(app.clock.now(), UTC)).days
        assert 150 < left < 365
        app.clock.advance(86_400)
        assert app.send("GET", "/.well-known/security.txt").text != answer.text
        assert app.send("POST", "/.well-known/security.txt").status_code == 405


def test_without_a_contact_there_is_none(tmp_path: Path) -> None:
    with running_app(tmp_path) as app:
        assert app.send("GET", "/.well-known/security.txt").status_code == 404


@pytest.mark.parametrize(
    "contact", ["security@id.example", "http://id.example", "mailto:a\r\nX: y", "https://a b", "mailto:\u00e9"]
)
def test_a_contact_is_an_address(contact: str) -> None:
    with pytest.raises(SettingsError, match="SECURITY_CONTACT"):
        read_settings({"BLINDAGE_SECURITY_CONTACT": contact}, "https://id.example")
