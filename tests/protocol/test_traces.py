"""What is left of a visit: nothing in the logs, nothing in the tables once it is over (OIDC Core, section 17.2)."""

import io
import logging
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote, urlsplit

import pytest

from idp.logs import configure_logging
from idp.services.housekeeping import purge_expired
from idp.storage.sql.engine_sqlite import sqlite_library
from tests.app import App
from tests.relying_party import RelyingParty, success
from tests.web.visitor import PASSWORD, returned

PEER = "203.0.113.77"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that goes to the log of a server, with every logger of ours at its most talkative."""
    root, names = logging.getLogger(), ("blindage", "idp", "authlib", "joserfc", "werkzeug", "sqlalchemy", "flask")
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in names}
    written = io.StringIO()
    configure_logging()
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    root.setLevel(logging.DEBUG)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def test_log_of_a_full_run_names_nobody_and_nothing_secret(
    app: App, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """row 119: OIDC Core, section 17.2: no sub, code, token, hint, name or address, refusals and failures included."""
    party, person = app.register_client(token_endpoint_auth_method="client_secret_post"), app.person()
    secrets = {"username": person.username, "password": PASSWORD, "client secret": party.secret or "", "address": PEER}
    browser = person.browser
    page = browser.follow(party.ask(browser, state="st-m4rk", nonce="no-m4rk"))
    browser.submit(page, {"username": person.username, "password": "wr0ng-m4rk"})
    callback = returned(browser.complete(page, person.username))
    tokens = success(party.exchange(callback["code"]))
    secrets |= {"code": callback["code"], **{k: tokens[k] for k in ("access_token", "refresh_token", "id_token")}}
    secrets["sub"] = app.verified(tokens["id_token"])[1]["sub"]
    party.exchange(callback["code"])
    for path in ("/token", "/userinfo", "/introspect", "/revoke", "/par"):
        party.post(path, {"token": tokens["access_token"], "code": "c0de-m4rk"}, peer=PEER)
        app.send("POST", path, body=b"\xff m4rk", peer=PEER)
    browser.get(f"/logout?id_token_hint={tokens['id_token']}m4rk")
    browser.get(party.authorize_url(id_token_hint=tokens["id_token"], prompt="none", login_hint="l-m4rk"))
    _fail_inside(app, monkeypatch)
    text = log.getvalue()
    assert '"event": "unexpected"' in text, "the run must have logged something"
    assert [name for name, value in secrets.items() if value in text or quote(value) in text] == []
    assert "m4rk" not in text and party.id not in text and urlsplit(party.callback).netloc not in text


def _fail_inside(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error nobody foresaw, whose text holds a secret."""

    def fails(_: object, __: object) -> None:
        raise RuntimeError("secret-m4rk")

    with monkeypatch.context() as patched:
        patched.setattr("idp.web.machine.paths.answer_userinfo", fails)
        answer = app.send("GET", "/userinfo", headers={"Authorization": "Bearer m4rk"}, peer=PEER)
    assert answer.status_code == 500
    assert "m4rk" not in answer.text and "reference" in answer.text


def test_grants_and_sessions_are_gone_when_they_are_over(app: App) -> None:
    """row 119: which app was visited when is kept as long as tokens of the visit may live; then only the consent is."""
    tables = ("grants", "sessions", "spent")
    before = [_rows(app, table) for table in tables]
    party, person = app.register_client(), app.person()
    party.tokens(person)
    party.with_dpop().tokens(person)
    assert all(_rows(app, table) > rows for table, rows in zip(tables, before, strict=True))
    app.clock.advance(12 * 3600 + 600)
    purge_expired(app.provider.realm)
    assert [_rows(app, table) for table in tables] == [0, 0, 0]


def test_sign_in_with_a_remembered_consent_leaves_no_record_of_the_app(app: App) -> None:
    """row 119: the audit trail has the consent, not the visits that follow."""
    party, person = app.register_client(), app.person()
    party.tokens(person)
    before = _events_of(app, party)
    for _ in range(3):
        party.tokens(person)
    assert _events_of(app, party) == before


def _events_of(app: App, party: RelyingParty) -> int:
    with closing(sqlite_library().connect(str(app.settings.data_dir / "blindage.db"))) as connection:
        found = connection.execute("SELECT count(*) FROM audit_events WHERE client_id = ?", (party.id,))
        return int(found.fetchone()[0])


def _rows(app: App, table: str) -> int:
    with closing(sqlite_library().connect(str(app.settings.data_dir / "blindage.db"))) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
