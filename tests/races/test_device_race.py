"""A device code is redeemed once, and guesses are counted, however many race at two processes (RFC 8628, 3.4, 5.1)."""

from collections.abc import Iterator
from itertools import islice, product

import pytest

from idp.domain.device_grant import GRANT_TYPE, USER_CODE_ALPHABET
from idp.services.user_codes import TRIES
from tests.issuer import PASSWORD, FormBrowser, Issuer
from tests.postgresql import PostgresCluster
from tests.races.apps import two_servers
from tests.races.barrier import Answer, Connection, race

RACERS = 8


class RacingTelevision:
    """An app on devices, and one signed-in person who says yes to every device."""

    def __init__(self, issuer: Issuer, servers: list[str]) -> None:
        registered = issuer.run(
            "client", "register", "--name", "Racing TV", "--grant", "device_code", "--grant", "refresh_token", "--json"
        )
        self.client = (registered["client_id"], registered["client_secret"])
        self.connections = [Connection(servers[number % len(servers)], issuer.url) for number in range(RACERS)]
        self.person = issuer.person("viewer", "1990-05-17")
        self.browser = FormBrowser(issuer.url)

    def new_code(self) -> dict[str, str]:
        """A device's codes that nobody has answered."""
        answer = self.connections[0].post("/device_authorization", {"scope": "openid age"}, self.client)
        assert answer.status == 200, answer
        return answer.body

    def approved_code(self) -> str:
        """A device code that the person has agreed to."""
        codes = self.new_code()
        page = self.browser.get(codes["verification_uri_complete"])
        if 'name="password"' in page.text:
            page = self.browser.post(page, {"username": self.person, "password": PASSWORD})
        page = self.browser.post(page, {"decision": "allow"})
        assert str(page.url).endswith("/device?done=allowed"), page.text
        return codes["device_code"]

    def poll(self, number: int, device_code: str) -> Answer:
        """One racer's poll."""
        form = {"grant_type": GRANT_TYPE, "device_code": device_code}
        return self.connections[number].post("/token", form, self.client)

    def close(self) -> None:
        """Close every connection."""
        self.browser.client.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture(scope="module")
def television(
    tmp_path_factory: pytest.TempPathFactory, postgres_cluster: PostgresCluster
) -> Iterator[RacingTelevision]:
    """An app on devices of an issuer with two server processes; in the end the database is looked through."""
    url = postgres_cluster.create_database()
    with two_servers(tmp_path_factory.mktemp("devices"), url) as (issuer, servers):
        television = RacingTelevision(issuer, servers)
        yield television
        television.close()
        issuer.run("fsck", "--json")
    postgres_cluster.drop_database(url)


def _codes_are_redeemed_once(television: RacingTelevision, count: int) -> None:
    answers = race([television.approved_code() for _ in range(count)], RACERS, television.poll)
    assert [sum(answer.status == 200 for answer in of_code) for of_code in answers] == [1] * count
    refused = [answer for of_code in answers for answer in of_code if answer.status != 200]
    assert {(answer.status, answer.body["error"]) for answer in refused} == {(400, "invalid_grant")}


@pytest.mark.timeout(240)
def test_30_device_codes_are_redeemed_once_by_eight_pollers_at_two_processes(television: RacingTelevision) -> None:
    """row 97."""
    _codes_are_redeemed_once(television, 30)


@pytest.mark.long
def test_500_device_codes_are_redeemed_once_by_eight_pollers_at_two_processes(television: RacingTelevision) -> None:
    """row 97."""
    _codes_are_redeemed_once(television, 500)


def test_polls_at_the_same_moment_are_slowed_down_one_by_one(television: RacingTelevision) -> None:
    """row 96: of eight that come at once the first waits as agreed; the others lengthen the interval to its end."""
    waiting = [television.new_code()["device_code"] for _ in range(5)]
    answers = race(waiting, RACERS, television.poll)
    for of_code in answers:
        assert sorted(answer.body["error"] for answer in of_code) == ["authorization_pending"] + ["slow_down"] * 7


def test_guesses_at_the_same_moment_are_looked_at_five_times(television: RacingTelevision) -> None:
    """row 98: 160 guesses of one browser, eight at a time, at two processes."""
    guesses = ["".join(letters) for letters in islice(product(USER_CODE_ALPHABET, repeat=8), 20)]
    form, cookie = television.browser.blank_form("/device")

    def guess(number: int, code: str) -> Answer:
        return television.connections[number].post("/device", {**form, "user_code": code}, cookie=cookie)

    answers = race(guesses, RACERS, guess)
    statuses = [answer.status for of_code in answers for answer in of_code]
    assert set(statuses) == {400, 429}
    assert statuses.count(400) == TRIES
