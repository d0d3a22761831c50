"""Clients' key sets: fetched seldom, never waited for long, kept while their server is away (conformance row 9)."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from crypto.errors import JwkError
from idp.domain.client import Client, ClientState
from idp.domain.errors import Busy, FetchRefused
from idp.protocol.client_key_sets import (
    FRESH_SECONDS,
    HELD,
    REFETCH_SECONDS,
    STALE_SECONDS,
    WAITING,
    ClientKeySets,
)
from tests.assertion_client import AssertionKey, key_set
from tests.clock import FixedClock

URI = "https://app.example/jwks"
OLD, NEW = AssertionKey("ES256", "old"), AssertionKey("ES256", "new")


@dataclass
class Server:
    """The apps' server: counts what is fetched; `meanwhile` runs while an answer is under way."""

    keys: Sequence[AssertionKey] | bytes | None = (OLD,)
    fetched: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def get(self, url: str) -> bytes:
        self.fetched.append(url)
        self.meanwhile()
        if self.keys is None:
            raise FetchRefused("unreachable", "no connection")
        return self.keys if isinstance(self.keys, bytes) else json.dumps(key_set(*self.keys)).encode()

    def post(self, url: str, body: bytes, content_type: str) -> int:
        raise AssertionError("nothing is posted for keys")


@dataclass
class Setting:
    server: Server
    sets: ClientKeySets
    clock: FixedClock
    client: Client

    def kids(self, kid: str | None, alg: str = "ES256") -> list[str | None]:
        return [key.kid for key in self.sets.finder(self.client)(kid, alg)]


def a_client(client_id: str = "app", **changes: object) -> Client:
    return Client(client_id, "App", ClientState.ACTIVE, 0, (), "app.example", **changes)


@pytest.fixture
def setting(clock: FixedClock) -> Setting:
    server = Server()
    return Setting(server, ClientKeySets(server, clock.now), clock, a_client(jwks_uri=URI))


def test_a_set_is_fetched_once_while_it_is_fresh(setting: Setting) -> None:
    for _ in range(5):
        assert setting.kids("old") == ["old"]
        setting.clock.advance((FRESH_SECONDS - 1) // 5)
    assert setting.server.fetched == [URI]
    setting.clock.advance(10)
    assert setting.kids("old") == ["old"]
    assert setting.server.fetched == [URI, URI]


def test_an_unknown_kid_fetches_anew_at_most_once_a_minute(setting: Setting) -> None:
    """row 9: OIDC Core, section 10.1.1: an unknown `kid` fetches anew, with a floor."""
    setting.kids("old")
    setting.server.keys = (NEW,)
    for seconds in range(REFETCH_SECONDS):
        for kid in ("new", "made up", f"another {seconds}"):
            assert setting.kids(kid) == []
        setting.clock.advance(1)
    assert len(setting.server.fetched) == 1
    assert setting.kids("new") == ["new"]
    assert setting.kids("old") == []
    assert len(setting.server.fetched) == 2


def test_a_withdrawn_key_is_forgotten_once_the_set_is_no_longer_fresh(setting: Setting) -> None:
    setting.kids("old")
    setting.server.keys = (NEW,)
    setting.clock.advance(FRESH_SECONDS)
    assert setting.kids("old") == []


def test_the_last_set_goes_on_while_the_server_is_away_but_not_for_ever(setting: Setting) -> None:
    setting.kids("old")
    setting.server.keys = None
    setting.clock.advance(FRESH_SECONDS)
    for _ in range(3):
        assert setting.kids("old") == ["old"]
    assert len(setting.server.fetched) == 2, "tried again, and then left alone for a minute"
    setting.clock.advance(STALE_SECONDS - FRESH_SECONDS)
    assert setting.kids("old") == ["old"]
    setting.clock.advance(1)
    assert setting.kids("old") == []


@pytest.mark.parametrize("answer", [None, b"", b"{}", b'{"keys":[]}', b"[", b'{"keys":[{"kty":"oct","k":"AA"}]}'])
def test_a_server_that_never_gave_a_set_is_asked_once_a_minute(setting: Setting, answer: bytes | None) -> None:
    setting.server.keys = answer
    for _ in range(4):
        assert setting.kids("old") == []
    assert len(setting.server.fetched) == 1
    setting.clock.advance(REFETCH_SECONDS)
    setting.server.keys = (OLD,)
    assert setting.kids("old") == ["old"]


def test_a_bad_set_does_not_replace_a_good_one(setting: Setting) -> None:
    setting.kids("old")
    setting.server.keys = b'{"keys":"none"}'
    setting.clock.advance(FRESH_SECONDS)
    assert setting.kids("old") == ["old"]


def test_two_clients_of_one_server_are_two_sets(setting: Setting) -> None:
    setting.kids("old")
    other = a_client("other", jwks_uri=URI)
    assert [key.kid for key in setting.sets.finder(other)("old", "ES256")] == ["old"]
    assert len(setting.server.fetched) == 2


def test_a_new_address_is_fetched_at_once(setting: Setting) -> None:
    setting.kids("old")
    moved = a_client(jwks_uri=URI + "/2")
    assert setting.sets.finder(moved)("old", "ES256")
    assert setting.server.fetched == [URI, URI + "/2"]


def test_keys_by_value_are_never_fetched_and_follow_the_clients_version(setting: Setting) -> None:
    first = a_client(jwks=key_set(OLD), version=1)
    second = a_client(jwks=key_set(NEW), version=2)
    assert [key.kid for key in setting.sets.finder(first)("old", "ES256")] == ["old"]
    assert [key.kid for key in setting.sets.finder(second)("new", "ES256")] == ["new"]
    assert setting.sets.finder(second)("old", "ES256") == []
    assert setting.sets.finder(a_client())("old", "ES256") == []
    assert setting.server.fetched == []
    with pytest.raises(JwkError):
        setting.sets.finder(a_client(jwks={"keys": []}, version=3))("old", "ES256")


def test_nothing_is_fetched_for_a_client_that_nobody_has_reviewed(setting: Setting) -> None:
    unreviewed = replace(setting.client, state=ClientState.PENDING)
    assert setting.sets.finder(unreviewed)("old", "ES256") == []
    by_value = replace(unreviewed, jwks_uri=None, jwks=key_set(OLD))
    assert setting.sets.finder(by_value)("old", "ES256"), "keys by value work at once"
    assert setting.server.fetched == []


def test_who_comes_while_the_first_set_is_fetched_waits_for_it_and_fetches_nothing(setting: Setting) -> None:
    begun, go_on = threading.Event(), threading.Event()
    setting.server.meanwhile = lambda: (begun.set(), go_on.wait(10))
    answers: list[list[str | None]] = []
    threads = [threading.Thread(target=lambda: answers.append(setting.kids("old"))) for _ in range(WAITING)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert answers == [["old"]] * WAITING
    assert setting.server.fetched == [URI]


def test_who_has_a_key_already_does_not_wait_for_a_newer_set(setting: Setting) -> None:
    setting.kids("old")
    setting.clock.advance(FRESH_SECONDS)
    begun, go_on = threading.Event(), threading.Event()
    setting.server.meanwhile = lambda: (begun.set(), go_on.wait(10))
    fetching = threading.Thread(target=lambda: setting.kids("old"))
    fetching.start()
    assert begun.wait(10)
    assert setting.kids("old") == ["old"], "answered while the other still fetches"
    assert fetching.is_alive()
    go_on.set()
    fetching.join(10)


def test_a_slow_server_holds_eight_requests_at_most(setting: Setting) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()
    setting.server.meanwhile = lambda: (begun.release(), go_on.wait(10))
    clients = [a_client(f"app {number}", jwks_uri=URI) for number in range(WAITING)]
    threads = [threading.Thread(target=setting.sets.finder(client), args=("old", "ES256")) for client in clients]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert begun.acquire(timeout=10)
    with pytest.raises(Busy):
        setting.kids("old")
    go_on.set()
    for thread in threads:
        thread.join(10)
    setting.server.meanwhile = lambda: None
    assert setting.kids("old") == ["old"]


def test_what_is_held_is_bounded(setting: Setting) -> None:
    for number in range(HELD + 10):
        setting.sets.finder(a_client(f"app {number}", jwks={"keys": []}))
        with pytest.raises(JwkError):
            setting.sets.finder(a_client(f"app {number}", jwks={"keys": []}))("x", "ES256")
    assert len(setting.sets._held) == HELD
