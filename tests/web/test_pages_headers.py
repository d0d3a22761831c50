"""Headers of every page, errors too; hosts, sizes, and the errors themselves (threats A09, A13, A34, A35, B13, B16)."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from idp.domain.errors import Busy, Conflict, Refused, Unavailable
from idp.web.pages import application
from idp.web.pages.application import PAGES, create_pages
from idp.web.security_headers import form_source
from tests.device import DEVICE_CLIENT, waiting_code
from tests.web.conftest import Pages, authorize_url
from tests.web.visitor import ISSUER, PASSWORD, Visitor, forms_of

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{targets}; "
    "frame-ancestors 'none'; base-uri 'none'"
)


# The first needs an app, the second shows a page, the others have forms on a page of their own.
NOT_A_REDIRECT = {
    "/account/withdraw", "/account/recovery-codes", "/account/passkeys", "/account/passkeys/options",
    "/account/passkeys/remove",
}  # fmt: skip


def _codes_form(visitor: Visitor) -> dict[str, str]:
    form = next(form for form in forms_of(visitor.get("/account")) if form.action == "/account/recovery-codes")
    return {**form.fields, "current_password": PASSWORD}


def _every_page(pages: Pages) -> Iterator[tuple[str, TestResponse, str]]:
    """Name, answer and allowed form targets of every kind of page."""
    client, adult, unknown = pages.app_client(), pages.person(), pages.person(None)
    stranger, visitor, halted = pages.visitor(), pages.signed_in(adult), pages.signed_in(unknown)
    to_app = " https://app.example"
    sign_in = stranger.follow(stranger.get(authorize_url(client)))
    yield "sign-in of an app", sign_in, to_app
    yield "sign-in", stranger.get("/sign-in"), ""
    yield "sign-up", stranger.get("/sign-up"), ""
    yield "reset", stranger.get("/reset"), ""
    yield "recovery codes", visitor.post("/account/recovery-codes", _codes_form(visitor)), ""
    yield "wrong password", stranger.submit(sign_in, {"username": "x", "password": "y"}), to_app
    yield "consent", visitor.follow(visitor.get(authorize_url(client))), to_app
    yield "notice", halted.follow(halted.get(authorize_url(client))), to_app
    yield "account", visitor.get("/account"), ""
    code = waiting_code(pages.provider, pages.app_client(**DEVICE_CLIENT))
    yield "device", stranger.get("/device"), ""
    yield "device sign-in", stranger.follow(stranger.get(f"/device?user_code={code}")), ""
    yield "device question", visitor.follow(visitor.get(f"/device?user_code={code}")), ""
    yield "device done", visitor.get("/device?done=allowed"), ""
    yield "sign out", visitor.get("/logout"), ""
    yield "redirect", visitor.get("/"), ""
    yield "unknown app", stranger.get("/authorize?client_id=x"), ""
    yield "expired", stranger.get("/consent?request=x"), ""
    yield "forged", stranger.post("/sign-in", {}), ""
    yield "no such page", stranger.get("/nowhere"), ""
    yield "no such method", stranger.client.put("/sign-in", base_url=ISSUER), ""
    yield "too large", stranger.post("/authorize", b"x" * 70_000), ""
    yield "other host", stranger.client.get("/sign-in", base_url="http://evil.example"), ""
    yield "options", stranger.client.options("/sign-in", base_url=ISSUER, headers={"Origin": "https://a.example"}), ""


def test_every_answer_carries_every_header(pages: Pages) -> None:
    seen = set()
    for name, answer, targets in _every_page(pages):
        seen.add(name)
        headers = answer.headers
        assert headers["Content-Security-Policy"] == POLICY.format(targets=targets), name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["Referrer-Policy"] == "no-referrer", name
        assert headers["Cache-Control"] == "no-store", name
        assert "camera=()" in headers["Permissions-Policy"], name
        assert "Strict-Transport-Security" not in headers, name
        assert not any(header.lower().startswith("access-control-") for header in headers.keys()), name
        assert headers["Content-Type"] == "text/html; charset=utf-8", name
        if answer.status_code != 303 and name != "options":
            assert "<h1" in answer.text, name
            assert 'lang="en"' in answer.text, name
    assert len(seen) == 23


def test_https_issuers_ask_for_https_only(https_pages: Pages) -> None:
    visitor = https_pages.visitor()
    for path in ("/sign-in", "/nowhere", "/static/blindage.css", "/"):
        assert visitor.get(path).headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_pages_load_nothing_from_elsewhere(pages: Pages) -> None:
    for name, answer, _ in _every_page(pages):
        for attribute in ("src=", "srcset=", "<link", "<iframe", "@import", "url("):
            for place in answer.text.split(attribute)[1:]:
                assert "//" not in place.partition(">")[0], name
        assert "<script" not in answer.text, name
        assert "style=" not in answer.text, name
        assert " on" not in "".join(part.partition(">")[0] for part in answer.text.split("<form")[1:]), name


@pytest.mark.parametrize("name", ["blindage.css", "logo.svg"])
def test_static_files_are_cacheable_and_addressed_by_content(pages: Pages, name: str) -> None:
    visitor = pages.visitor()
    page = visitor.get("/sign-in").text
    address = f"/static/{name}?v=" + page.partition(f"/static/{name}?v=")[2].partition('"')[0]
    assert address in page
    answer = visitor.get(address)
    assert answer.status_code == 200
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


def test_the_style_sheet_asks_for_nothing_else() -> None:
    css = (Path(application.__file__).parent / "static" / "blindage.css").read_text("utf-8")
    assert "url(" not in css
    assert "@import" not in css


@pytest.mark.parametrize("path", ["/static/../application.py", "/static/%2e%2e/application.py", "/static/"])
def test_static_serves_its_folder_only(pages: Pages, path: str) -> None:
    assert pages.visitor().get(path).status_code == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:9001", "localhost:9000", "127.0.0.1:9000.evil", "", "a\x00b", "é"]
)
def test_another_host_is_refused_without_redirect(pages: Pages, host: str) -> None:
    visitor = pages.visitor()
    for path in ("/", "/sign-in", "//evil.example/x", "/static/blindage.css"):
        answer = visitor.client.get(path, base_url=ISSUER, headers={"Host": host})
        assert answer.status_code == 400
        assert "Location" not in answer.headers


@pytest.mark.parametrize("host", ["id.example", "ID.example", "id.example:443"])
def test_the_issuers_host_is_served_with_its_default_port_written_or_not(https_pages: Pages, host: str) -> None:
    client = https_pages.app.test_client()
    assert client.get("/sign-in", base_url="https://id.example", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "/sign-in/", "//sign-in", "/account//", "///", "/\\evil.example"])
def test_no_path_is_repaired_by_a_redirect(pages: Pages, path: str) -> None:
    answer = pages.visitor().client.get("/", base_url=ISSUER, environ_overrides={"PATH_INFO": path})
    assert answer.status_code != 308
    assert answer.headers.get("Location", "/account") == "/account"


def test_an_empty_path_is_the_root(pages: Pages) -> None:
    answer = pages.visitor().client.get("/", base_url=ISSUER, environ_overrides={"PATH_INFO": ""})
    assert (answer.status_code, answer.location) == (303, "/account")


def test_links_and_redirects_never_name_a_host(pages: Pages) -> None:
    for name, answer, _ in _every_page(pages):
        assert "http" not in answer.headers.get("Location", ""), name
        if name != "other host":
            assert f'href="{ISSUER}' not in answer.text, name


@pytest.mark.parametrize("size", [64 * 1024 + 1, 20_000_000])
@pytest.mark.parametrize("path", ["/sign-in", "/authorize", "/consent"])
def test_a_body_past_64_kb_is_413(pages: Pages, path: str, size: int) -> None:
    assert pages.visitor().post(path, b"a=" + b"b" * size).status_code == 413


def test_a_chunked_body_past_64_kb_is_413(pages: Pages) -> None:
    visitor = pages.visitor()
    answer = visitor.client.post(
        "/authorize", base_url=ISSUER, content_type="application/x-www-form-urlencoded",
        data=b"a=" + b"b" * 100_000, environ_overrides={"CONTENT_LENGTH": "", "wsgi.input_terminated": True},
    )  # fmt: skip
    assert answer.status_code == 413


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "\u0662"])
def test_a_senseless_content_length_is_413(pages: Pages, length: str) -> None:
    answer = pages.visitor().client.post(
        "/authorize", base_url=ISSUER, environ_overrides={"CONTENT_LENGTH": length}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body", [b"username=%00", b"username=%FF", b"\xff=\xff", b"username=a&username=b", b"&".join([b"a=b"] * 100)]
)
def test_a_malformed_form_is_400(pages: Pages, body: bytes) -> None:
    visitor = pages.visitor()
    token = forms_of(visitor.get("/sign-in"))[0].fields["csrf"].encode()
    answer = visitor.post("/sign-in", b"password=x&csrf=" + token + b"&" + body)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unavailable("down"), 503),
        (Busy("full"), 503),
        (Conflict("met"), 503),
        (Refused("some_rule", "no"), 400),
        (RuntimeError("secret-value"), 500),
        (KeyError("secret-value"), 500),
    ],
)
def test_every_exception_becomes_a_page_without_its_words(
    pages: Pages, error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Store:
        def read(self, *_: object) -> None:
            raise error

        write = read

    app = create_pages(replace(pages.provider, realm=replace(pages.provider.realm, store=Store())))
    visitor = Visitor(app)
    page = visitor.get("/sign-in")
    with caplog.at_level(logging.INFO):
        answer = visitor.submit(page, {"username": "name-in-the-request", "password": PASSWORD})
    if isinstance(error, Refused):
        assert error.reason == "some_rule"
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    written = " ".join(str(record.__dict__) for record in caplog.records if record.name == "blindage.pages")
    assert "secret" not in written
    assert "name-in-the-request" not in written
    assert PASSWORD not in written
    if status == 500:
        [record] = [record for record in caplog.records if record.name == "blindage.pages"]
        assert record.__dict__["reference"] in answer.text
        assert record.__dict__["kind"] == type(error).__name__


def test_every_redirect_after_a_post_is_303(pages: Pages) -> None:
    changed = {"current_password": PASSWORD, "new_password": PASSWORD}
    actions = {page.path for page in PAGES if page.path.startswith("/account/")} - NOT_A_REDIRECT
    for action in sorted(actions):
        visitor = pages.signed_in(pages.person())
        form = next(form for form in forms_of(visitor.get("/account")) if form.action == action)
        assert visitor.post(action, {**form.fields, **changed}).status_code == 303, action


def test_paths_are_unique_and_each_get_page_answers(pages: Pages) -> None:
    assert len({(page.path, method) for page in PAGES for method in page.methods}) == sum(
        len(page.methods) for page in PAGES
    )
    visitor = pages.visitor()
    for page in PAGES:
        if "GET" in page.methods:
            assert visitor.get(page.path).status_code in (200, 303, 400)


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://app.example/cb", "https://app.example"),
        ("https://app.example:8443/cb?x;y", "https://app.example:8443"),
        ("http://127.0.0.1:5000/cb", "http://127.0.0.1:5000"),
        ("http://app.localhost:9002/cb", "http://app.localhost:9002"),
        ("http://[::1]:5000/cb", "http:"),
        ("http://127.0.0.2/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
        ("com.example.app://host/cb", "com.example.app:"),
    ],
)
def test_the_form_action_source_of_a_redirect_uri(uri: str, source: str) -> None:
    assert form_source(uri) == source
