"""Registrations raced for at two processes on PostgreSQL: a deletion is final, a sector has one owner."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.issuer import Issuer
from tests.postgresql import PostgresCluster
from tests.races.apps import two_servers
from tests.races.barrier import Answer, race

RACERS = 6
DELETERS = 2


class Registrars:
    """Racers at the registration endpoint, each with a connection to one of the servers."""

    def __init__(self, issuer: Issuer, servers: list[str], racers: int) -> None:
        self.issuer = issuer
        host = {"Host": issuer.url.removeprefix("http://")}
        self._clients = [
            httpx.Client(base_url=servers[number % len(servers)], headers=host, timeout=30) for number in range(racers)
        ]

    def register(self, number: int, redirect_uri: str, token: str | None = None) -> Answer:
        """Register an app, by the racer of this number."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return self._answer(number, "POST", "/register", headers, {"redirect_uris": [redirect_uri]})

    def configure(self, number: int, method: str, app: dict[str, Any], **metadata: Any) -> Answer:
        """Read, change or delete a registration."""
        headers = {"Authorization": f"Bearer {app['registration_access_token']}"}
        document = {"client_id": app["client_id"], "redirect_uris": app["redirect_uris"], **metadata}
        return self._answer(number, method, f"/register/{app['client_id']}", headers, document)

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            client.close()

    def _answer(self, number: int, method: str, path: str, headers: dict[str, str], document: Any) -> Answer:
        headers = {**headers, "Content-Type": "application/json"}
        response = self._clients[number].request(method, path, headers=headers, content=json.dumps(document))
        return Answer(response.status_code, response.json() if response.content else {})


@pytest.fixture(scope="module")
def registrars(
    tmp_path_factory: pytest.TempPathFactory, postgres_cluster: PostgresCluster
) -> Iterator[Registrars]:
    """Racers at two servers on one database."""
    url = postgres_cluster.create_database()
    with two_servers(tmp_path_factory.mktemp("registrations"), url) as (issuer, servers):
        racers = Registrars(issuer, servers, RACERS)
        yield racers
        racers.close()
        issuer.run("fsck", "--json")
    postgres_cluster.drop_database(url)


def _deletion_is_final(racers: Registrars, count: int) -> None:
    apps = [racers.register(0, f"https://gone-{number}.example/cb").body for number in range(count)]

    def run(number: int, app: dict[str, Any]) -> Answer:
        if number < DELETERS:
            return racers.configure(number, "DELETE", app)
        return racers.configure(number, "PUT", app, default_max_age=number)

    for app, answers in zip(apps, race(apps, RACERS, run), strict=True):
        statuses = [answer.status for answer in answers]
        assert set(statuses) <= {200, 204, 401, 409}, statuses
        assert statuses.count(204) == 1
        assert [racers.configure(number, "GET", app).status for number in range(2)] == [401, 401]
    listed = {app["client_id"] for app in racers.issuer.run("client", "list", "--json")}
    assert not listed & {app["client_id"] for app in apps}


def _one_owner_each(racers: Registrars, count: int) -> None:
    tokens = [
        racers.issuer.run("client", "initial-access-token", "--registrar", f"House {number}", "--json")
        for number in range(RACERS)
    ]
    hosts = [f"wanted-{count}-{number}.example" for number in range(count)]

    def run(number: int, host: str) -> Answer:
        return racers.register(number, f"https://{host}/{number}", tokens[number]["initial_access_token"])

    for answers in race(hosts, RACERS, run):
        assert sorted(answer.status for answer in answers) == [201, *[400] * (RACERS - 1)]


@pytest.mark.timeout(240)
def test_20_deletions_are_final_at_two_processes(registrars: Registrars) -> None:
    """RFC 7592, section 2.3: whatever updates run at the same moment; no 5xx."""
    _deletion_is_final(registrars, 20)


@pytest.mark.timeout(240)
def test_20_sectors_have_one_owner_each_at_two_processes(registrars: Registrars) -> None:
    """privacy-and-crypto.md: a sector belongs to the first reviewed owner."""
    _one_owner_each(registrars, 20)


@pytest.mark.long
def test_500_deletions_are_final_at_two_processes(registrars: Registrars) -> None:
    """The same, often."""
    _deletion_is_final(registrars, 500)


@pytest.mark.long
def test_500_sectors_have_one_owner_each_at_two_processes(registrars: Registrars) -> None:
    """The same, often."""
    _one_owner_each(registrars, 500)
