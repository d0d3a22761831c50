"""Eight at once in one process: one code, one refresh token, one pushed request, one proof is used once.

Two server processes on PostgreSQL race in `tests/races`.
"""

from collections import Counter
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

from werkzeug.test import TestResponse

from tests.app import App
from tests.relying_party import RelyingParty, error_of, success

RACERS = 8
ROUNDS = 12


def race(act: Callable[[], TestResponse]) -> list[TestResponse]:
    """The answers of eight threads that begin at the same moment."""
    barrier, answers = Barrier(RACERS), []

    def run() -> None:
        barrier.wait(timeout=30)
        answers.append(act())

    threads = [Thread(target=run) for _ in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(answers) == RACERS
    return answers


def _statuses(answers: list[TestResponse]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_code_is_redeemed_once_by_eight_racing_clients(app: App) -> None:
    """row 44: RFC 6749, section 4.1.2; OAuth 2.1, section 4.1.3: one 200, seven invalid_grant, no token survives."""
    person = app.person()
    for _ in range(ROUNDS):
        # An app of its own each time: refusals are counted (row 57).
        party = app.register_client()
        code = party.code(person)
        answers = race(lambda party=party, code=code: party.exchange(code))
        assert _statuses(answers) == {200: 1, 400: RACERS - 1}
        assert {error_of(answer) for answer in answers if answer.status_code == 400} == {"invalid_grant"}
        [won] = [answer for answer in answers if answer.status_code == 200]
        # The losers are replays: what the winner holds is revoked (row 45).
        assert not party.holds(success(won)["access_token"])


def test_rotation_has_one_successor_for_eight_racing_refreshes(app: App) -> None:
    """row 67: RFC 9700, section 4.14.2: honest parallel refreshes all get the same new token; the family lives."""
    party, person = app.register_client(token_endpoint_auth_method="none"), app.person()
    token = party.tokens(person)["refresh_token"]
    for _ in range(ROUNDS):
        answers = race(lambda token=token: party.refresh(token))
        assert _statuses(answers) == {200: RACERS}
        [token] = {success(answer)["refresh_token"] for answer in answers}
    assert party.refresh(token).status_code == 200


def test_pushed_request_is_taken_up_once_by_eight_racing_browsers(app: App) -> None:
    """row 104: RFC 9126, section 7.3: single use."""
    party = app.register_client()
    for _ in range(ROUNDS):
        uri = party.push(prompt="none").json["request_uri"]
        browsers = iter([app.browser() for _ in range(RACERS)])
        answers = race(lambda uri=uri, b=browsers: _take_up(party, next(b), uri))
        assert _statuses(answers) == {303: 1, 400: RACERS - 1}


def test_proof_is_accepted_once_from_eight_racing_thieves(app: App) -> None:
    """row 107: RFC 9449, section 11.1."""
    party = app.register_client().with_dpop()
    tokens = party.tokens(app.person())
    client = party.dpop
    assert client is not None
    for _ in range(ROUNDS):
        headers = {
            "Authorization": f"DPoP {tokens['access_token']}",
            "DPoP": client.proof("GET", "/userinfo", tokens["access_token"]),
        }
        answers = race(lambda headers=headers: app.send("GET", "/userinfo", headers=headers))
        assert _statuses(answers) == {200: 1, 401: RACERS - 1}


def _take_up(party: RelyingParty, browser: Any, uri: str) -> TestResponse:
    answer = browser.get(f"/authorize?client_id={party.id}&request_uri={uri}")
    assert isinstance(answer, TestResponse)
    return answer
