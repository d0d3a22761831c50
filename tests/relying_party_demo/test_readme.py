"""The ten lines of the README are run as they stand there."""

import ast
import re
import sys
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.need import ROOT
from tests.relying_party_demo.fake_issuer import CLIENT_ID, CLIENT_SECRET, SUBJECT, FakeIssuer, callback

README = ROOT / "relying_party_demo" / "README.md"


def code() -> str:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


@pytest.fixture
def browser(issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    settings = {"ISSUER": issuer.url, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, "SESSION_KEY": "k" * 32}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    module: dict[str, Any] = {"__name__": "ten_lines"}
    exec(compile(code(), str(README), "exec"), module)  # noqa: S102  the README's own code, from this repository
    client: FlaskClient = module["app"].test_client()
    return client


def test_ten_lines_sign_a_person_in(browser: FlaskClient, issuer: FakeIssuer) -> None:
    answer = browser.get(callback(issuer.authorize(browser.get("/sign-in").location)))
    assert (answer.status_code, answer.location) == (302, "/")
    assert issuer.asked["code_challenge_method"] == "S256" and issuer.asked["scope"] == "openid age"
    with browser.session_transaction() as session:
        assert dict(session) == {"sub": SUBJECT, "age_band": "adult"}


@pytest.mark.parametrize("claims", [{"nonce": "x"}, {"nonce": None}, {"aud": "x", "azp": CLIENT_ID}, {"iss": "http://x"}])
def test_ten_lines_refuse_a_wrong_token(browser: FlaskClient, issuer: FakeIssuer, claims: dict[str, Any]) -> None:
    parameters = issuer.authorize(browser.get("/sign-in").location)
    issuer.claims = claims
    assert browser.get(callback(parameters)).status_code == 500
    with browser.session_transaction() as session:
        assert "sub" not in session


def test_ten_lines_refuse_another_issuers_answer(browser: FlaskClient, issuer: FakeIssuer) -> None:
    parameters = issuer.authorize(browser.get("/sign-in").location)
    assert browser.get(callback({**parameters, "iss": "http://127.0.0.1:1"})).status_code == 400
    assert issuer.token_requests == []


def test_ten_lines_are_about_ten() -> None:
    lines = [line for line in code().splitlines() if line.strip() and not line.startswith(("import", "from", "@"))]
    settings = lines.index('app.secret_key = os.environ["SESSION_KEY"]') + 1
    # A call spread over lines counts once.
    statements = [line for line in lines[settings:] if not re.match(r"    (\"blindage\"|client_)|\)", line)]
    assert len(statements) <= 10, statements


def test_private_token_gate_can_be_copied_as_it_is() -> None:
    tree = ast.parse((ROOT / "relying_party_demo" / "private_token_gate.py").read_text("utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    imports = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
    packages = {name.name for node in imports if isinstance(node, ast.Import) for name in node.names}
    packages |= {str(node.module) for node in imports if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in packages} - set(sys.stdlib_module_names) == {"cryptography", "requests"}
    words = [node for node in statements if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    assert len(statements) - len(imports) - len(words) <= 42
