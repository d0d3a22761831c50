"""npm openid-client, unmodified, against a running issuer: the wire as the rest of the world speaks it."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.issuer import FormBrowser, Issuer, running_issuer
from tests.need import INTEROP, need

CALLBACK = "http://127.0.0.1:8999/callback"
SIGNED_OUT = "http://127.0.0.1:8999/signed-out"


class Conversation:
    """A Node script that speaks JSON lines."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [need("node"), INTEROP / script, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=INTEROP,
        )  # fmt: skip

    def hear(self) -> Any:
        """The script's next JSON line."""
        assert self._process.stdout is not None and self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(self._process.stderr.read())
        return json.loads(line)

    def say(self, line: str) -> None:
        """A line for the script."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def finish(self) -> None:
        """The script must end well."""
        _, complaints = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, complaints


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    need("node")
    with running_issuer(tmp_path_factory.mktemp("issuer") / "data") as running:
        yield running


def _callback_url(browser: FormBrowser, authorize: str, username: str) -> str:
    page = browser.get(authorize)
    page = browser.post(page, {"username": username, "password": "a long enough password"})
    if not page.is_redirect:
        page = browser.post(page, {"decision": "allow"})
    assert page.is_redirect
    return str(page.headers["location"])


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_openid_client_signs_in_refreshes_introspects_revokes_and_signs_out(issuer: Issuer, alg: str) -> None:
    registered = issuer.register(CALLBACK, "--post-logout-redirect-uri", SIGNED_OUT, "--signing-alg", alg)
    person = issuer.person("grown-up", "1990-05-17")
    talk = Conversation(
        "code_flow.mjs", issuer.url, registered["client_id"], registered["client_secret"], CALLBACK, SIGNED_OUT
    )
    with FormBrowser(issuer.url) as browser:
        _converse(talk, browser, person)


def _converse(talk: Conversation, browser: FormBrowser, person: str) -> None:
    talk.say(_callback_url(browser, talk.hear()["authorize"], person))
    signed_in = talk.hear()
    assert signed_in["claims"]["age_band"] == "adult"
    assert signed_in["userinfo"] == {"sub": signed_in["claims"]["sub"], "age_band": "adult"}
    assert len(signed_in["claims"]["sub"]) == 43
    later = talk.hear()
    assert later["refreshedSub"] == signed_in["claims"]["sub"]
    assert later["refreshedBand"] == "adult"
    assert later["active"]["active"] is True and later["active"]["sub"] == signed_in["claims"]["sub"]
    assert later["inactive"] == {"active": False}
    talk.finish()
    page = browser.get(later["logout"])
    assert page.is_redirect and page.headers["location"] == f"{SIGNED_OUT}?state=after+logout"
