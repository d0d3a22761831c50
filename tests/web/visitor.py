"""A person at the pages: Flask's test client with one browser's cookies, which reads forms as a script would."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from flask import Flask
from werkzeug.test import TestResponse

ISSUER = "http://127.0.0.1:9000"
PASSWORD = "a long enough password"


@dataclass
class Form:
    """A form of a page: where it goes, its input fields with their values, its buttons."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given["action"]))
        elif tag == "input" and "name" in given:
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "button" and "name" in given:
            self.forms[-1].buttons.append((given["name"], given["value"]))


def forms_of(response: TestResponse) -> list[Form]:
    """Every form of a page, in order."""
    parser = _Forms()
    parser.feed(response.text)
    return parser.forms


def returned(response: TestResponse) -> dict[str, str]:
    """The parameters that a 303 brings to the app."""
    assert response.status_code == 303, response.text
    query = parse_qs(urlsplit(response.location).query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values())
    return {name: values[0] for name, values in query.items()}


class Visitor:
    """One browser. Nothing is followed unless the test says so."""

    def __init__(self, app: Flask, issuer: str = ISSUER) -> None:
        self.issuer = issuer
        self.client = app.test_client()

    def get(self, path: str, **headers: str) -> TestResponse:
        """GET a path of the issuer. Header names are written with `_`."""
        return self.client.get(path, base_url=self.issuer, headers=_headers(headers), buffered=True)

    def post(
        self, path: str, fields: Mapping[str, str] | Sequence[tuple[str, str]] | bytes, **headers: str
    ) -> TestResponse:
        """POST form fields to a path of the issuer."""
        body = fields if isinstance(fields, bytes) else urlencode(fields)
        return self.client.post(
            path, data=body, base_url=self.issuer, headers=_headers(headers),
            content_type="application/x-www-form-urlencoded",
        )  # fmt: skip

    def submit(self, page: TestResponse, fields: Mapping[str, str] | None = None, **headers: str) -> TestResponse:
        """Fill and post the first form of a page."""
        form = forms_of(page)[0]
        return self.post(form.action, {**form.fields, **(fields or {})}, **headers)

    def follow(self, response: TestResponse) -> TestResponse:
        """Follow redirects while they stay at the issuer."""
        while response.status_code == 303 and response.location.startswith("/"):
            response = self.get(response.location)
        return response

    def cookie(self, word: str) -> str | None:
        """The value of one of our cookies."""
        prefix = "__Host-" if self.issuer.startswith("https:") else ""
        cookie = self.client.get_cookie(f"{prefix}blindage_{word}", domain=urlsplit(self.issuer).hostname or "")
        return cookie.value if cookie is not None else None

    def sign_in(self, username: str, page: TestResponse | None = None) -> TestResponse:
        """Sign in on a sign-in page, by default the bare one; the answer, not followed."""
        page = page or self.get("/sign-in")
        return self.submit(page, {"username": username, "password": PASSWORD})


def without(form: Mapping[str, str], name: str) -> dict[str, str]:
    """Form fields less one."""
    return {key: value for key, value in form.items() if key != name}


def query_of(location: str) -> dict[str, str]:
    """The query of an address, each parameter once."""
    return dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))


def _headers(names: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in names.items()}
