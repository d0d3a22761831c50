"""A Node script that speaks JSON lines with a test, which plays the person at the browser."""

import json
import subprocess
from typing import Any

from tests.issuer import PASSWORD, FormBrowser
from tests.need import INTEROP, need


class Conversation:
    """One run of a script in this folder."""

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


def callback_url(browser: FormBrowser, authorize: str, username: str) -> str:
    """Where the person's browser is sent in the end."""
    page = browser.get(authorize)
    if 'name="password"' in page.text:
        page = browser.post(page, {"username": username, "password": PASSWORD})
    if not page.is_redirect:
        page = browser.post(page, {"decision": "allow"})
    assert page.is_redirect, page.text
    return str(page.headers["location"])
