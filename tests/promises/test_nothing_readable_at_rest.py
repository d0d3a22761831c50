"""A thief of the files without the master key reads nothing: 50 marked values, no plaintext hit (threats D15, E04)."""

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from crypto.encoding import b64url_decode
from crypto.pkce import challenge_of
from tests.issuer import FormBrowser, Issuer, callback_parameters, running_issuer
from tests.postgresql import PostgresCluster

CALLBACK = "http://127.0.0.1:8999/callback"
SIGNED_OUT = "http://127.0.0.1:8999/signed-out"
BORN = "1987-03-21"


@dataclass
class Marks:
    """Values that must stand in no file, by what they are."""

    values: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, value: str | bytes) -> str:
        """Mark a value; base64url values are looked for decoded too."""
        raw = value.encode() if isinstance(value, str) else value
        assert len(raw) >= 8, f"{name} is too short to be told from chance"
        self.values[name] = raw
        return value if isinstance(value, str) else value.hex()

    def add_token(self, name: str, value: str) -> None:
        """Mark a base64url token as text and as bytes."""
        self.add(name, value)
        self.add(f"{name} (decoded)", b64url_decode(value))

    def found(self, files: Iterator[Path]) -> list[str]:
        """Which marks stand in which files."""
        hits = []
        for file in files:
            try:
                data = file.read_bytes()
            except FileNotFoundError:
                # A database removes segments of its log while we look.
                continue
            hits += [f"{name} in {file.name}" for name, value in self.values.items() if value in data]
        return hits


def _mark(kind: str) -> str:
    return f"mark-{kind}-{secrets.token_hex(6)}"


def _journey(issuer: Issuer, marks: Marks) -> None:
    """Everything a person and an app do, and a few things that go wrong."""
    for form in (BORN, BORN.replace("-", ""), "21.03.1987", "21/03/1987", "1987/03/21", "March 21, 1987"):
        marks.add(f"birth date {form}", form)
    username = marks.add("username", _mark("name"))
    password = marks.add("password", _mark("password"))
    issuer.run("account", "create", "--username", username, "--password-stdin", "--json", stdin=password + "\n")
    issuer.run(
        "evidence", "record", "--username", username, "--birthdate", BORN,
        "--method", "in_person", "--assurance", "standard", "--json",
    )  # fmt: skip
    app = issuer.register(CALLBACK, "--post-logout-redirect-uri", SIGNED_OUT)
    marks.add_token("client secret", app["client_secret"])
    with FormBrowser(issuer.url) as browser:
        _wrong_tries(issuer, marks, browser, app, username)
        for turn in ("first", "second"):
            tokens = _sign_in(issuer, marks, browser, app, username, password, turn)
            _use(issuer, marks, app, tokens, turn)
        for cookie in browser.client.cookies.jar:
            if cookie.value and len(cookie.value) > 20:
                marks.add_token(f"cookie {cookie.name}", cookie.value)
        signed_up = marks.add("second username", _mark("other"))
        other = marks.add("second password", _mark("password"))
        with FormBrowser(issuer.url) as second:
            second.post(second.get(f"{issuer.url}/sign-up"), {"username": signed_up, "password": other})
        hint = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT}
        assert browser.get(f"{issuer.url}/logout?{urlencode(hint)}").is_redirect


def _wrong_tries(issuer: Issuer, marks: Marks, browser: FormBrowser, app: dict[str, str], username: str) -> None:
    wrong = marks.add("wrong password", _mark("wrong"))
    browser.post(browser.get(f"{issuer.url}/sign-in"), {"username": username, "password": wrong})
    nobody = marks.add("unknown username", _mark("nobody"))
    browser.post(browser.get(f"{issuer.url}/sign-in"), {"username": nobody, "password": wrong})
    for where in ("code", "refresh token", "client id", "state"):
        value = marks.add(f"wrong {where}", _mark("wrong"))
        form = {"grant_type": "authorization_code", "code": value, "redirect_uri": CALLBACK, "client_id": value}
        assert httpx.post(f"{issuer.url}/token", data=form).status_code == 401
    secret = marks.add("wrong client secret", _mark("secret"))
    refused = httpx.post(f"{issuer.url}/token", data={"grant_type": "x"}, auth=(app["client_id"], secret))
    assert refused.status_code == 401
    bearer = marks.add("wrong access token", _mark("token"))
    assert httpx.get(f"{issuer.url}/userinfo", headers={"Authorization": f"Bearer {bearer}"}).status_code == 401
    agent, address = marks.add("user agent", _mark("agent")), marks.add("address", "203.0.113.77")
    referer = marks.add("referer", _mark("ref"))
    headers = {"User-Agent": agent, "X-Forwarded-For": address, "Referer": f"http://{referer}/"}
    assert httpx.get(f"{issuer.url}/authorize?client_id=x", headers=headers).status_code == 400


def _sign_in(
    issuer: Issuer, marks: Marks, browser: FormBrowser, app: dict[str, str], username: str, password: str, turn: str
) -> dict[str, str]:
    state, nonce = marks.add(f"{turn} state", _mark("state")), marks.add(f"{turn} nonce", _mark("nonce"))
    verifier = marks.add(f"{turn} verifier", secrets.token_urlsafe(48))
    challenge = challenge_of(verifier)
    marks.add_token(f"{turn} challenge", challenge)
    request = {
        "response_type": "code", "client_id": app["client_id"], "redirect_uri": CALLBACK,
        "scope": "openid age", "state": state, "nonce": nonce,
        "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    page = browser.get(f"{issuer.url}/authorize?{urlencode(request)}")
    if not page.is_redirect:
        marks.add_token(f"{turn} pending request", str(page.url.params["request"]))
        page = browser.post(page, {"username": username, "password": password})
    if not page.is_redirect:
        page = browser.post(page, {"decision": "allow"})
    code = callback_parameters(page)["code"]
    marks.add_token(f"{turn} code", code)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
    answer = httpx.post(f"{issuer.url}/token", data=form, auth=(app["client_id"], app["client_secret"]))
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens


def _use(issuer: Issuer, marks: Marks, app: dict[str, str], tokens: dict[str, str], turn: str) -> None:
    client = (app["client_id"], app["client_secret"])
    marks.add_token(f"{turn} access token", tokens["access_token"])
    marks.add_token(f"{turn} refresh token", tokens["refresh_token"])
    marks.add(f"{turn} ID token", tokens["id_token"])
    payload = tokens["id_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    marks.add_token(f"{turn} subject", claims["sub"])
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert httpx.get(f"{issuer.url}/userinfo", headers=bearer).json()["sub"] == claims["sub"]
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refreshed = httpx.post(f"{issuer.url}/token", data=form, auth=client).json()
    marks.add_token(f"{turn} refreshed access token", refreshed["access_token"])
    marks.add(f"{turn} refreshed ID token", refreshed["id_token"])
    for path in ("/introspect", "/revoke"):
        token = {"token": refreshed["access_token"]}
        assert httpx.post(f"{issuer.url}{path}", data=token, auth=client).status_code == 200


def _mark_master_key(issuer: Issuer, marks: Marks) -> Path:
    ring = issuer.data_dir / "master-key.json"
    for number, entry in enumerate(json.loads(ring.read_text())["entries"]):
        marks.add_token(f"master key {number}", entry["key"])
    return ring


@pytest.mark.timeout(180)
def test_sqlite_files_logs_and_backup_hold_no_marked_value(tmp_path: Path) -> None:
    marks = Marks()
    with running_issuer(tmp_path / "data") as issuer:
        _journey(issuer, marks)
        ring = _mark_master_key(issuer, marks)
        issuer.run("backup", str(tmp_path / "backup.db"))
        marks.add("control", issuer.register(CALLBACK, name="control-client-name")["client_id"])
        files = [path for path in tmp_path.rglob("*") if path.is_file() and path != ring]
        names = {path.name for path in files}
        hits = marks.found(iter(files))
    assert {"blindage.db", "blindage.db-wal", "server.log", "backup.db"} <= names
    assert len(marks.values) > 50
    # A client id is public and stands in the open: the scan does find what is there.
    assert hits and all(hit.startswith("control in ") for hit in hits)


@pytest.mark.timeout(180)
def test_postgresql_files_and_logs_hold_no_marked_value(
    tmp_path: Path, postgres_cluster: PostgresCluster, postgres_url: str
) -> None:
    marks = Marks()
    with running_issuer(tmp_path / "data", DATABASE_URL=postgres_url) as issuer:
        _journey(issuer, marks)
        ring = _mark_master_key(issuer, marks)
        marks.add("control", issuer.register(CALLBACK, name="control-client-name")["client_id"])
        postgres_cluster.execute("CHECKPOINT")
        roots = (tmp_path, postgres_cluster.directory)
        files = [path for root in roots for path in root.rglob("*") if path.is_file()]
        hits = marks.found(path for path in files if path != ring)
    assert len(marks.values) > 50
    assert hits and all(hit.startswith("control in ") for hit in hits)
