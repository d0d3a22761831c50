"""The commands that the demo prints for age tokens, as a person would paste them into a terminal."""

import re
import subprocess
from pathlib import Path

from tests.issuer import FormBrowser
from tests.journeys.running_demo import RunningDemo


def _printed(demo: RunningDemo, action: str) -> str:
    [command] = [line for line in demo.printed.splitlines() if f"private_token {action} " in line]
    return command


def test_adult_fetches_tokens_and_sees_the_night_programme(demo: RunningDemo, tmp_path: Path) -> None:
    def start(action: str) -> "subprocess.Popen[str]":
        command = ["/bin/sh", "-c", "exec env " + _printed(demo, action)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)

    fetching = start("fetch")
    assert fetching.stdout is not None
    shown = ""
    while (found := re.search(r"^ +([A-Z]{4}-[A-Z]{4})$", shown, re.MULTILINE)) is None:
        line = fetching.stdout.readline()
        assert line, shown
        shown += line
    with FormBrowser(demo.issuer) as browser:
        page = browser.post(browser.get(f"{demo.issuer}/device"), {"user_code": found[1]})
        page = browser.post(page, {"username": "demo-adult", "password": demo.password("demo-adult")})
        assert "Age token client" in page.text
        browser.post(page, {"decision": "allow"})
    told, _ = fetching.communicate(timeout=60)
    assert fetching.returncode == 0 and "8 tokens came" in told, told
    spending = start("spend")
    told, _ = spending.communicate(timeout=60)
    assert spending.returncode == 0 and "Night Train" in told and "7 are left" in told, told
