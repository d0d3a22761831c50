"""Guessing at machine endpoints: past a limit of refusals a network waits (RFC 6749, sections 2.3.1 and 10.10)."""

from statistics import median
from time import perf_counter

import pytest
from werkzeug.test import TestResponse

from idp.web.rate_limit import FAILURES
from tests.app import App
from tests.relying_party import RelyingParty, basic

GUESSES = {
    "client secrets": ("/token", {"grant_type": "refresh_token", "refresh_token": "x"}, False),
    "codes": ("/token", {"grant_type": "authorization_code", "code": "x", "redirect_uri": "x"}, True),
    "refresh tokens": ("/token", {"grant_type": "refresh_token", "refresh_token": "x"}, True),
    "client secrets at introspection": ("/introspect", {"token": "x"}, False),
    "client secrets at revocation": ("/revoke", {"token": "x"}, False),
    "client secrets at PAR": ("/par", {"response_type": "code"}, False),
}


def _guess(app: App, party: RelyingParty, what: str, peer: str) -> TestResponse:
    path, form, public = GUESSES[what]
    if public:
        return app.send("POST", path, {**form, "client_id": party.id}, peer=peer)
    return app.send("POST", path, form, headers={"Authorization": basic(party.id, "wrong")}, peer=peer)


@pytest.mark.parametrize("what", GUESSES)
def test_too_many_refusals_are_429_with_retry_after_and_hit_nobody_else(app: App, what: str) -> None:
    """rows 57, 105: RFC 6749, sections 2.3.1 and 10.10; RFC 9126, section 2.3; RFC 6585, section 4."""
    method = "none" if GUESSES[what][2] else "client_secret_basic"
    party, guesser = app.register_client(token_endpoint_auth_method=method), app.fresh_address()
    statuses = [_guess(app, party, what, guesser).status_code for _ in range(FAILURES.amount + 2)]
    assert set(statuses[: FAILURES.amount]) <= {400, 401}
    blocked = _guess(app, party, what, guesser)
    assert (statuses[-1], blocked.status_code) == (429, 429)
    assert 0 < int(blocked.headers["Retry-After"]) <= 60
    assert blocked.headers["Cache-Control"] == "no-store"
    assert _guess(app, party, what, app.fresh_address()).status_code == statuses[0]
    app.clock.advance(int(blocked.headers["Retry-After"]))
    assert _guess(app, party, what, guesser).status_code == statuses[0]


def test_app_that_proved_who_it_is_is_counted_for_itself_and_never_shut_out(app: App) -> None:
    """row 57: anybody can feed an app wrong codes through its redirect URI: its right ones go on, from anywhere."""
    party, other = app.register_client(), app.register_client()
    answers = [party.exchange("x").status_code for _ in range(FAILURES.amount + 2)]
    assert set(answers[: FAILURES.amount]) == {400} and answers[-1] == 429
    blocked = party.exchange("x")
    assert 0 < int(blocked.headers["Retry-After"]) <= 60
    assert other.exchange("x").status_code == 400
    tokens = party.tokens(app.person())
    assert party.refresh(tokens["refresh_token"]).status_code == 200


def test_one_network_is_one_guesser_and_its_successes_do_not_count(app: App) -> None:
    """row 57: an IPv6 host owns a /64; honest apps are never slowed down by what they get right."""
    party = app.register_client()
    for number in range(FAILURES.amount + 1):
        _guess(app, party, "client secrets", f"2001:db8:ffff:1::{number:x}")
    assert _guess(app, party, "client secrets", "2001:db8:ffff:1:ffff::1").status_code == 429
    assert _guess(app, party, "client secrets", "2001:db8:ffff:2::1").status_code == 401
    tokens, peer = party.tokens(app.person()), app.fresh_address()
    for _ in range(FAILURES.amount + 5):
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert party.post("/token", form, peer=peer).status_code == 200


@pytest.mark.long
def test_unknown_client_takes_as_long_as_a_bad_secret(app: App) -> None:
    """row 50: RFC 6749, section 5.2: medians of 2,000 interleaved tries of each kind lie within a tenth."""
    known = app.register_client().id
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(2000):
        tries = [("known", known), ("unknown", f"{number:022}")]
        for kind, client_id in tries if number % 2 else tries[::-1]:
            header = {"Authorization": basic(client_id, "wrong")}
            begun = perf_counter()
            app.send("POST", "/token", {"grant_type": "refresh_token"}, headers=header)
            times[kind].append(perf_counter() - begun)
    known_median, unknown_median = median(times["known"]), median(times["unknown"])
    assert abs(known_median - unknown_median) < unknown_median / 10
