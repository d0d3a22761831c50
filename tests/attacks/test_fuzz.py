"""Anything at any path: never a server error, never a stack trace (threats B14). Paths come from the tables served."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client as WsgiClient

from idp.composition import log_signer, token_server, token_signers
from idp.web.machine.age_tokens import age_token_table
from idp.web.machine.health import Health, MetricsPage
from idp.web.machine.paths import machine_table
from idp.web.metrics import NoMetrics
from idp.web.pages.application import PAGES
from tests.app import App, running_app

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1500"))
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "BREW")
PARAMETERS = (
    "client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "prompt", "max_age", "claims", "request",
    "request_uri", "code_challenge", "code_challenge_method", "id_token_hint", "acr_values", "ui_locales", "grant_type",
    "code", "code_verifier", "refresh_token", "client_secret", "client_assertion", "client_assertion_type", "token",
    "csrf", "username", "password", "decision", "resource", "dpop_jkt", "response_mode", "lang", "user_code", "sid",
)  # fmt: skip
HEADERS = ("Authorization", "DPoP", "Cookie", "Origin", "Accept", "Accept-Language", "X-Forwarded-For", "Content-Type")

_nasty = st.sampled_from(
    [
        "\x00", "%00", "%ff%fe", "%", "%zz", "\u202e", "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"),
        "{" * 200, '{"a":' * 60, '{"id_token":null}', "1e999", "-1", "9" * 400, "../../etc/passwd", "' OR 1=1 --",
        "<script>alert(1)</script>", "https://evil.example/", "javascript:alert(1)", "a" * 5000,
        "eyJhbGciOiJub25lIn0..",
        "Basic !!!", "Bearer x.y.z", "DPoP a.b.c", "openid age", "code", "S256", "none login", "\r\nSet-Cookie: x=1",
        "urn:ietf:params:oauth:request_uri:AAAA", "NaN", "\ufeff", "🦉", "null", "[]", "true", " ",
    ]
)  # fmt: skip
_value = st.one_of(_nasty, st.text(max_size=40), st.sampled_from(PARAMETERS))
_pairs = st.lists(st.tuples(st.one_of(st.sampled_from(PARAMETERS), _value), _value), max_size=8)
_body = st.one_of(
    st.binary(max_size=300),
    _pairs.map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "surrogatepass")),
)
_type = st.sampled_from(
    [
        "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "text/plain", "",
        "application/private-token-request", "application/private-token-generic-batch-request", "\xff/\xfe",
    ]
)  # fmt: skip
_headers = st.dictionaries(st.sampled_from(HEADERS), _value, max_size=4)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, WsgiClient]]:
    with running_app(tmp_path_factory.mktemp("fuzz")) as app:
        yield app, WsgiClient(app.application, use_cookies=False)


def _paths(app: App) -> list[str]:
    provider = app.provider
    health = Health(provider.realm.store, lambda: False, provider.now)
    machine = machine_table(provider, token_server(provider), health, MetricsPage(NoMetrics(), None), True)
    tokens = age_token_table(provider, token_signers(provider), log_signer(provider))
    pages = [page.path for page in PAGES]
    return sorted({*machine, *tokens, *pages, "/nowhere", "//", "/static/blindage.css", "/register/x"})


@given(data=st.data())
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
)
def test_no_request_at_any_path_meets_a_server_error(served: tuple[App, WsgiClient], data: st.DataObject) -> None:
    app, client = served
    path = data.draw(st.sampled_from(_paths(app)))
    query = data.draw(_pairs.map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)))
    _check(
        client, app, data.draw(st.sampled_from(METHODS)), path, query,
        data.draw(_body), data.draw(_type), data.draw(_headers),
    )  # fmt: skip


def _check(
    client: WsgiClient, app: App, method: str, path: str, query: str, body: bytes, kind: str, headers: dict[str, str]
) -> None:
    lines = {f"HTTP_{name.upper().replace('-', '_')}": _as_wsgi(value) for name, value in headers.items()}
    answer = client.open(
        path,
        base_url=app.origin,
        method=method,
        data=body,
        environ_overrides={
            "QUERY_STRING": _as_wsgi(query), "CONTENT_TYPE": kind, "REMOTE_ADDR": app.fresh_address(), **lines
        },
    )  # fmt: skip
    text = answer.text
    answer.close()
    assert answer.status_code < 500, (method, path, text)
    assert "Traceback" not in text


def _as_wsgi(text: str) -> str:
    """As a server hands bytes on: one character a byte (PEP 3333)."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1").replace("\r", "").replace("\n", "")


def test_every_path_takes_every_method_and_garbage(served: tuple[App, WsgiClient]) -> None:
    app, client = served
    for path in _paths(app):
        for method in METHODS:
            _check(client, app, method, path, "a=%ff%00&a=1", b"\x00\xff", "text/plain", {"Cookie": "=;;\xff"})


def test_the_fuzzer_knows_every_path(served: tuple[App, WsgiClient]) -> None:
    paths = _paths(served[0])
    assert {"/token", "/authorize", "/sign-in", "/par", "/token-request", "/logout/confirm"} <= set(paths)
