"""Two servers on one PostgreSQL: a code of an authenticator app opens one session, guesses share a limit (B09)."""

import base64
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

import httpx
import pytest

from crypto import totp
from tests.issuer import PASSWORD, Issuer
from tests.races.apps import two_servers
from tests.races.barrier import Answer, race

RACERS = 8
CODES_PER_HOUR = 5


class _Hidden(HTMLParser):
    """The hidden fields of a page's first form, and the text of `#secret`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.secret = text.partition('id="secret">')[2].partition("<")[0].replace(" ", "")
        self.feed(text.partition("</form>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden" and given.get("name"):
            self.fields[given["name"] or ""] = given.get("value") or ""


@dataclass
class Duo:
    """Two servers of one issuer."""

    issuer: Issuer
    servers: list[str]

    def browser(self, number: int) -> httpx.Client:
        """A browser that speaks to one of them."""
        host = self.issuer.url.partition("://")[2]
        return httpx.Client(base_url=self.servers[number % 2], headers={"Host": host}, timeout=30)

    def member(self) -> str:
        """A new member of staff."""
        name = f"staff-{secrets.token_hex(4)}"
        add = ("staff", "add", "--username", name, "--role", "operator", "--password-stdin", "--json")
        self.issuer.run(*add, stdin=PASSWORD + "\n")
        return name


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory, postgres_cluster: object) -> Iterator[Duo]:
    url = postgres_cluster.create_database()  # type: ignore[attr-defined]
    with two_servers(tmp_path_factory.mktemp("staff"), url) as (issuer, servers):
        yield Duo(issuer, servers)


def _half(duo: Duo, number: int, name: str) -> httpx.Client:
    """A browser that has given the password."""
    browser = duo.browser(number)
    fields = _Hidden(browser.get("/ops/sign-in").text).fields
    answer = browser.post("/ops/sign-in", data={**fields, "username": name, "password": PASSWORD})
    assert answer.headers["location"] == "/ops/factor", answer.text
    return browser


def _enrolled(duo: Duo, name: str) -> bytes:
    browser = _half(duo, 0, name)
    page = _Hidden(browser.get("/ops/enrol").text)
    secret = base64.b32decode(page.secret + "=" * (-len(page.secret) % 8))
    for _ in range(3):
        # The step before, so that the test need not wait for the next one; on a busy machine it may be over on arrival.
        code = totp.code_at(secret, totp.step_at(int(time.time())) - 1)
        answer = browser.post("/ops/enrol", data={**page.fields, "code": code})
        if answer.status_code == 303:
            break
    assert answer.headers.get("location") == "/ops", answer.text
    browser.close()
    return secret


def _opened(answers: list[Answer]) -> int:
    assert all(answer.status < 500 for answer in answers)
    return sum(answer.status == 303 for answer in answers)


def test_one_code_opens_one_session_of_eight_browsers_at_two_servers(duo: Duo) -> None:
    for _ in range(3):
        name = duo.member()
        secret = _enrolled(duo, name)
        browsers = [_half(duo, number, name) for number in range(RACERS)]
        fields = [_Hidden(browser.get("/ops/factor").text).fields for browser in browsers]
        # The enrolment used the step before: no waiting for the next one.
        code = totp.code_at(secret, totp.step_at(int(time.time())))

        def use(number: int, code: str, browsers=browsers, fields=fields) -> Answer:  # type: ignore[no-untyped-def]
            answer = browsers[number].post("/ops/factor", data={**fields[number], "code": code})
            return Answer(answer.status_code, {})

        (answers,) = race([code], RACERS, use)
        inside = sum(browser.get("/ops").status_code == 200 for browser in browsers)
        assert (_opened(answers), inside) == (1, 1)
        for browser in browsers:
            browser.close()


def test_one_half_session_opens_one_whole_one(duo: Duo) -> None:
    name = duo.member()
    secret = _enrolled(duo, name)
    browser = _half(duo, 0, name)
    fields = _Hidden(browser.get("/ops/factor").text).fields
    here = totp.step_at(int(time.time()))
    cookie = "; ".join(f"{key}={value}" for key, value in browser.cookies.items())
    # One more than these, and the half session would be ended for too many tries: then nobody gets in.
    racers = [duo.browser(number) for number in range(CODES_PER_HOUR)]
    codes = [totp.code_at(secret, here + number % 2) for number in range(CODES_PER_HOUR)]

    def use(number: int, _: str) -> Answer:
        answer = racers[number].post("/ops/factor", data={**fields, "code": codes[number]}, headers={"Cookie": cookie})
        # Whoever comes once the half session is over is sent to the sign-in: that is no success.
        return Answer(200 if answer.headers.get("location") == "/ops" else answer.status_code, {})

    (answers,) = race(["all"], CODES_PER_HOUR, use)
    for racer in (*racers, browser):
        racer.close()
    assert all(answer.status < 500 for answer in answers)
    assert sum(answer.status == 200 for answer in answers) == 1


def test_forty_guesses_at_once_have_five_looked_at(duo: Duo) -> None:
    name = duo.member()
    _enrolled(duo, name)
    browsers = [_half(duo, number, name) for number in range(RACERS)]
    fields = [_Hidden(browser.get("/ops/factor").text).fields for browser in browsers]

    def guess(number: int, attempt: int) -> Answer:
        code = f"{number * 100 + attempt:06}"
        return Answer(browsers[number].post("/ops/factor", data={**fields[number], "code": code}).status_code, {})

    answers = [answer for round_ in race(range(5), RACERS, guess) for answer in round_]
    assert len(answers) == 40
    assert all(answer.status < 500 for answer in answers)
    # 400: looked at and wrong; 429: not looked at; 303: the half session is over.
    assert sum(answer.status == 400 for answer in answers) == CODES_PER_HOUR
    for browser in browsers:
        browser.close()


def test_one_enrolment_of_eight_wins(duo: Duo) -> None:
    name = duo.member()
    browsers = [_half(duo, number, name) for number in range(RACERS)]
    forms = [_Hidden(browser.get("/ops/enrol").text) for browser in browsers]
    step = totp.step_at(int(time.time()))

    def enrol(number: int, _: str) -> Answer:
        secret = base64.b32decode(forms[number].secret + "=" * (-len(forms[number].secret) % 8))
        answer = browsers[number].post("/ops/enrol", data={**forms[number].fields, "code": totp.code_at(secret, step)})
        return Answer(200 if answer.headers.get("location") == "/ops" else answer.status_code, {})

    (answers,) = race(["all"], RACERS, enrol)
    assert all(answer.status < 500 for answer in answers)
    assert sum(answer.status == 200 for answer in answers) == 1
    for browser in browsers:
        browser.close()
