"""What a later version has sealed, with members of its own at the end, is taken by this one (threats F23).

During an upgrade both versions answer the same people and apps: a code of the one is redeemed at the other.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from idp.protocol.authorization_code import open_code, seal_code
from idp.protocol.initial_access import InitialAccess, open_initial_access, seal_initial_access
from idp.services.my_account import end_session
from idp.services.outbox import open_message
from tests.app import App, running_app
from tests.device import new_device, register_device_app
from tests.relying_party import success
from tests.web.visitor import returned

SEALING = (
    "idp.protocol.authorization_code", "idp.protocol.access_token", "idp.protocol.authorization.pushed",
    "idp.protocol.authorization.pending", "idp.protocol.initial_access", "idp.services.outbox",
    "idp.storage.sql.grants", "idp.storage.sql.device_grants",
)  # fmt: skip


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with running_app(tmp_path) as running:
        yield running


@contextmanager
def later_version() -> Iterator[set[str]]:
    """Whatever list is sealed meanwhile has two members more; the modules that did so."""
    grown: set[str] = set()

    def shim(name: str) -> SimpleNamespace:
        def dumps(value: object, *options: object) -> bytes:
            if isinstance(value, list | tuple):
                grown.add(name)
                value = [*value, "later", {"than": "this"}]
            return orjson.dumps(value, *options)

        return SimpleNamespace(dumps=dumps, loads=orjson.loads)

    with pytest.MonkeyPatch.context() as patch:
        for name in SEALING:
            patch.setattr(importlib.import_module(name), "orjson", shim(name))
        yield grown


def test_codes_and_tokens_of_a_later_version_work_here(app: App) -> None:
    person, party = app.signed_in(), app.register_client()
    with later_version() as grown:
        code = party.code(person)
        tokens = success(party.exchange(party.code(person)))
    assert success(party.exchange(code))["id_token"]
    assert success(party.refresh(tokens["refresh_token"]))
    assert party.holds(tokens["access_token"])
    assert grown >= {"idp.protocol.authorization_code", "idp.protocol.access_token", "idp.storage.sql.grants"}


def test_a_code_of_an_earlier_version_that_says_nothing_of_the_age_works_here(app: App) -> None:
    person, party = app.signed_in(), app.register_client()
    code = open_code(app.provider, party.code(person))
    assert code.age_version
    earlier = seal_code(app.provider, replace(code, age="", age_version=""))
    assert success(party.exchange(earlier))["id_token"]
    assert party.exchange(earlier).json["error"] == "invalid_grant"


def test_a_pushed_request_and_a_page_of_a_later_version_are_taken_up_here(app: App) -> None:
    person, party = app.signed_in(), app.register_client()
    with later_version() as grown:
        pushed = party.push().json["request_uri"]
        page = party.ask(person.browser, prompt="consent")
    answer = person.browser.get(f"/authorize?client_id={party.id}&request_uri={pushed}")
    assert "code" in returned(person.browser.complete(answer, person.username))
    assert "code" in returned(person.browser.complete(page, person.username))
    assert grown >= {"idp.protocol.authorization.pushed", "idp.protocol.authorization.pending"}


def test_a_devices_answer_of_a_later_version_is_redeemed_here(app: App) -> None:
    person, device = app.signed_in(), new_device(register_device_app(app))
    with later_version() as grown:
        device.answered_by(person)
    assert device.tokens()["access_token"]
    assert "idp.storage.sql.device_grants" in grown


def test_a_message_and_an_initial_access_token_of_a_later_version_are_read_here(app: App) -> None:
    person = app.signed_in()
    party = app.register_client(backchannel_logout_uri="https://app.example/logout")
    party.tokens(person)
    store, now = app.provider.realm.store, app.clock.now()
    [session] = store.read(lambda tx: tx.sessions.of_account(person.account.id))
    with later_version() as grown:
        end_session(app.provider.realm, person.account.id, session.id)
        token = seal_initial_access(app.provider, InitialAccess("Maple House", now + 60, require_pkce=False))
    [message] = store.write(lambda tx: tx.outbox.claim_due(now + 120, now + 180, 10))
    assert open_message(*message[:4]).client_id == party.id
    assert open_initial_access(app.provider, token) == InitialAccess("Maple House", now + 60, require_pkce=False)
    assert grown >= {"idp.protocol.initial_access", "idp.services.outbox"}
