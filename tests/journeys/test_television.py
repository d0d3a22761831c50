"""The television of the demo: started with the command that the demo prints, answered by a person with a browser."""

import re
import subprocess

from relying_party_demo.languages import WORDS
from tests.issuer import FormBrowser
from tests.journeys.running_demo import RunningDemo

ENGLISH = WORDS["en"]


def _printed_command(demo: RunningDemo) -> str:
    [command] = [line for line in demo.printed.splitlines() if line.endswith("relying_party_demo.television")]
    return command


def test_minor_sees_the_programme_for_minors_on_the_television(demo: RunningDemo) -> None:
    """From the printed command to the programme, by typing the code in as it stands on the screen."""
    television = subprocess.Popen(
        ["/bin/sh", "-c", "exec env " + _printed_command(demo) + " --language en"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert television.stdout is not None
    try:
        before = ""
        while ENGLISH["tv_waiting"] not in before:
            line = television.stdout.readline()
            assert line, before
            before += line
        found = re.search(r"^ +([A-Z]{4}-[A-Z]{4})$", before, re.MULTILINE)
        assert found is not None and f"{demo.issuer}/device" in before, before
        with FormBrowser(demo.issuer) as browser:
            page = browser.post(browser.get(f"{demo.issuer}/device"), {"user_code": found[1].lower()})
            assert "Lantern Cinema TV" in page.text
            page = browser.post(page, {"username": "demo-minor", "password": demo.password("demo-minor")})
            assert "a television" in page.text and found[1] in page.text
            page = browser.post(page, {"decision": "allow"})
            assert "Go back to your device" in page.text
        after, _ = television.communicate(timeout=60)
    finally:
        television.kill()
        television.wait()
    assert television.returncode == 0, after
    assert ENGLISH["area_minor"] in after and "Summer of Kites" in after and "Night Train" not in after
    assert re.search(rf"{ENGLISH['known_sub']}: [\w-]{{43}}\n", after)
