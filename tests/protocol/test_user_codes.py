"""User codes are guessed in vain (RFC 8628, section 5.1; threats A23): five tries each, and 500 for everybody."""

from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice, product
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from idp.domain.device_grant import USER_CODE_ALPHABET, show_user_code
from idp.services.user_codes import TRIES, TRIES_OF_ALL, WINDOW_SECONDS
from idp.web.machine.edge import Environ, StartResponse
from tests.app import App, Browser, running_app
from tests.device import Device, new_device, register_device_app

UNKNOWN, REFUSED, RIGHT = 400, 429, 303


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """An issuer whose counters are this test's own."""
    with running_app(tmp_path) as running:
        yield running


@pytest.fixture
def device(app: App) -> Device:
    """A device that waits."""
    return new_device(register_device_app(app))


def browser_at(app: App, *addresses: str) -> Browser:
    """A fresh browser that sends each request from the next of some addresses."""
    turns = cycle(addresses)

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return app.application({**environ, "REMOTE_ADDR": next(turns)}, start_response)

    return Browser(application, app.issuer)


def type_in(browser: Browser, code: str) -> TestResponse:
    """Type a code into the field of `/device`."""
    return browser.submit(browser.get("/device"), {"user_code": code})


def wrong_codes(device: Device) -> Iterator[str]:
    """Well-formed codes that are not this device's."""
    for letters in product(USER_CODE_ALPHABET, repeat=8):
        code = show_user_code("".join(letters))
        if code != device.user_code:
            yield code


@pytest.mark.parametrize("spelled", [str, str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_case_and_dash_are_ignored(app: App, device: Device, spelled: Callable[[str], str]) -> None:
    """row 98: RFC 8628, section 6.1."""
    browser = app.browser()
    answer = type_in(browser, spelled(device.user_code))
    assert answer.status_code == RIGHT and answer.location.startswith("/sign-in?")


def test_browser_gets_five_wrong_codes_wherever_it_is(app: App, device: Device) -> None:
    """row 98: the sixth is not looked at, even if it is right."""
    places = [f"192.0.2.{number}" for number in range(1, 100)]
    browser, codes = browser_at(app, *places), wrong_codes(device)
    assert [type_in(browser, next(codes)).status_code for _ in range(TRIES)] == [UNKNOWN] * TRIES
    assert type_in(browser, device.user_code).status_code == REFUSED
    assert type_in(browser_at(app, *places), device.user_code).status_code == RIGHT, "another browser may"


def test_network_gets_five_wrong_codes_whatever_the_browser(app: App, device: Device) -> None:
    """row 98: a fresh browser for each try helps nobody, nor does another address of the same /64."""
    codes = wrong_codes(device)
    addresses = [f"2001:db8:0:1::{number}" for number in range(1, TRIES + 2)]
    assert [type_in(browser_at(app, one), next(codes)).status_code for one in addresses[:-1]] == [UNKNOWN] * TRIES
    assert type_in(browser_at(app, addresses[-1]), device.user_code).status_code == REFUSED
    assert type_in(browser_at(app, "2001:db8:0:2::1"), device.user_code).status_code == RIGHT


def test_address_that_carries_the_code_counts_as_well(app: App, device: Device) -> None:
    """row 98: verification_uri_complete is no way around the limit."""
    browser, codes = app.browser(), wrong_codes(device)
    answers = [browser.get(f"/device?user_code={next(codes)}").status_code for _ in range(TRIES)]
    assert answers == [UNKNOWN] * TRIES
    assert device.open(browser).status_code == REFUSED


def test_right_codes_and_typing_errors_do_not_count(app: App, device: Device) -> None:
    """row 98: a whole school may connect its devices; what cannot be a code says nothing to a guesser."""
    browser = app.browser()
    for _ in range(2 * TRIES):
        assert type_in(browser, device.user_code).status_code == RIGHT
        assert type_in(browser, device.user_code[:-1]).status_code == UNKNOWN
    codes = wrong_codes(device)
    assert [type_in(browser, next(codes)).status_code for _ in range(TRIES + 1)] == [UNKNOWN] * TRIES + [REFUSED]


def test_own_device_does_not_give_tries_back(app: App, device: Device) -> None:
    """row 98: right codes of a device of one's own, between the guesses, do not clear the counters."""
    browser, codes = app.browser(), wrong_codes(device)
    for _ in range(TRIES):
        assert type_in(browser, device.user_code).status_code == RIGHT
        assert type_in(browser, next(codes)).status_code == UNKNOWN
    assert type_in(browser, next(codes)).status_code == REFUSED


def test_code_of_a_device_that_was_answered_counts_as_wrong(app: App, device: Device) -> None:
    """row 98: it is told from an unknown one by nobody."""
    device.answered_by(app.signed_in())
    fresh = new_device(device.party)
    answers = [type_in(browser_at(app, "192.0.2.1"), device.user_code) for _ in range(TRIES + 1)]
    assert [answer.status_code for answer in answers] == [UNKNOWN] * TRIES + [REFUSED]
    unknown = type_in(browser_at(app, "192.0.2.2"), next(wrong_codes(fresh)))
    assert "No device is waiting with this code" in unknown.text and "No device is waiting" in answers[0].text


def test_tries_come_back_after_the_window_and_not_by_its_border(app: App, device: Device) -> None:
    """row 98: five in any ten minutes, also across the border of a window."""
    browser, codes = app.browser(), wrong_codes(device)
    app.clock.advance(WINDOW_SECONDS - 1 - app.clock.now() % WINDOW_SECONDS)
    assert [type_in(browser, next(codes)).status_code for _ in range(TRIES)] == [UNKNOWN] * TRIES
    app.clock.advance(1)
    refused = type_in(browser, next(codes))
    assert refused.status_code == REFUSED and int(refused.headers["Retry-After"]) <= WINDOW_SECONDS
    assert "Too many tries" in refused.text
    app.clock.advance(WINDOW_SECONDS)
    assert type_in(browser, next(codes)).status_code == UNKNOWN


def test_1000_guesses_are_looked_at_five_times_a_browser_and_500_times_in_all(app: App, device: Device) -> None:
    """row 98: threats A23: from 125 browsers on as many networks; then nobody is served until the window is over."""
    browsers = [browser_at(app, f"198.51.{number // 250}.{number % 250 + 1}") for number in range(125)]
    forms = [browser.get("/device") for browser in browsers]
    codes = wrong_codes(device)
    looked_at = [0] * len(browsers)
    for number in islice(cycle(range(len(browsers))), 1000):
        answer = browsers[number].submit(forms[number], {"user_code": next(codes)})
        assert answer.status_code in (UNKNOWN, REFUSED)
        looked_at[number] += answer.status_code == UNKNOWN
    assert max(looked_at) <= TRIES
    assert sum(looked_at) == TRIES_OF_ALL
    stranger = browser_at(app, "203.0.113.1")
    assert type_in(stranger, device.user_code).status_code == REFUSED
    app.clock.advance(2 * WINDOW_SECONDS)
    late = new_device(device.party)
    assert type_in(stranger, late.user_code).status_code == RIGHT


def test_counters_outlive_a_restart(app: App, device: Device, tmp_path: Path) -> None:
    """row 98: they lie in the database."""
    codes = wrong_codes(device)
    for _ in range(TRIES):
        assert type_in(browser_at(app, "192.0.2.1"), next(codes)).status_code == UNKNOWN
    app.provider.realm.store.close()
    with running_app(tmp_path, clock=app.clock) as restarted:
        assert type_in(browser_at(restarted, "192.0.2.1"), next(codes)).status_code == REFUSED
