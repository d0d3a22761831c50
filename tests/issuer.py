"""A real issuer for tests: `blindage serve` on a free port, commands beside it, and a form-following browser."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from tests.server_process import ServerProcess, start_server

PASSWORD = "a long enough password"
BLINDAGE = (sys.executable, "-c", "from idp.cli import main; main()")


@dataclass
class Issuer:
    """A running account issuer. `url` is its `iss`; commands run beside the server with the same settings."""

    url: str
    environment: Mapping[str, str]
    server: ServerProcess
    data_dir: Path
    people: set[str] = field(default_factory=set)

    def run(self, *arguments: str, stdin: str = "") -> Any:
        """A command that must succeed; its JSON."""
        result = self.attempt(*arguments, stdin=stdin)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout) if result.stdout.strip() else None

    def attempt(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """A command that may be refused."""
        return subprocess.run(
            [*BLINDAGE, *arguments], input=stdin, capture_output=True, text=True, env=dict(self.environment), timeout=60
        )

    def register(self, redirect_uri: str, *options: str, name: str = "Test app") -> dict[str, str]:
        """A client: `client_id` and `client_secret`."""
        registered = self.run("client", "register", "--name", name, "--redirect-uri", redirect_uri, *options, "--json")
        assert isinstance(registered, dict)
        return registered

    def person(self, username: str, birthdate: str | None, assurance: str = "standard") -> str:
        """An account with the usual password; with a birth date also recorded evidence. Returns the username."""
        if username not in self.people:
            self.run("account", "create", "--username", username, "--password-stdin", "--json", stdin=PASSWORD + "\n")
            if birthdate is not None:
                self.run(
                    "evidence", "record", "--username", username, "--birthdate", birthdate,
                    "--method", "in_person", "--assurance", assurance, "--json",
                )  # fmt: skip
            self.people.add(username)
        return username


@contextmanager
def running_issuer(data_dir: Path, *, port: int | None = None, workers: int = 1, **settings: str) -> Iterator[Issuer]:
    """Start `blindage serve`; further settings by name without prefix, as DATABASE_URL=...; stopped at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BLINDAGE_")}
    environment.update({"BLINDAGE_DATA_DIR": str(data_dir)})
    environment.update({f"BLINDAGE_{name}": value for name, value in settings.items()})
    data_dir.mkdir(parents=True, exist_ok=True)
    if "DATABASE_URL" in settings:
        subprocess.run([*BLINDAGE, "db", "upgrade"], env=environment, check=True, capture_output=True, timeout=60)

    def command(free: int) -> Sequence[str]:
        return [*BLINDAGE, "serve", "--port", str(port or free), "--workers", str(workers)]

    server = start_server(command, lambda free: _ready(port or free), data_dir / "server.log", env=environment)
    url = settings.get("ISSUER") or f"http://127.0.0.1:{port or server.port}"
    try:
        yield Issuer(url, {**environment, "BLINDAGE_ISSUER": url}, server, data_dir)
    finally:
        server.stop()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


class _FirstForm(HTMLParser):
    """The first form of a page: its action and its fields with their values."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._done = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = given.get("action") or ""
        elif tag == "input" and self.action is not None and not self._done and given.get("name"):
            self.fields[given["name"] or ""] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self.action is not None:
            self._done = True


class FormBrowser:
    """A browser without JavaScript: keeps cookies, follows redirects within the issuer, fills the first form."""

    def __init__(self, issuer: str, client: httpx.Client | None = None) -> None:
        self.issuer = issuer
        self.client = client or httpx.Client(timeout=30)

    def __enter__(self) -> "FormBrowser":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def get(self, url: str) -> httpx.Response:
        """Follow redirects until a page, or until one leads away from the issuer."""
        return self._follow(self.client.get(url))

    def post(self, page: httpx.Response, fields: Mapping[str, str]) -> httpx.Response:
        """Post the page's first form with its hidden fields and `fields`."""
        form = _FirstForm()
        form.feed(page.text)
        assert form.action is not None, page.text
        target = urljoin(str(page.url), form.action)
        return self._follow(self.client.post(target, data={**form.fields, **fields}))

    def blank_form(self, path: str) -> tuple[dict[str, str], str]:
        """The hidden fields of a page's first form, and the Cookie header of this browser."""
        form = _FirstForm()
        form.feed(self.get(self.issuer + path).text)
        return form.fields, "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())

    def sign_in(
        self, authorize: str, username: str, password: str = PASSWORD, decision: str = "allow"
    ) -> dict[str, str]:
        """The whole way from /authorize to the app; returns the parameters the app receives."""
        page = self.get(authorize)
        if "name=\"password\"" in page.text:
            page = self.post(page, {"username": username, "password": password})
        if page.status_code == 200 and "name=\"decision\"" in page.text:
            page = self.post(page, {"decision": decision})
        return callback_parameters(page)

    def _follow(self, response: httpx.Response) -> httpx.Response:
        while response.is_redirect and response.headers["location"].startswith((self.issuer, "/")):
            response = self.client.get(urljoin(str(response.url), response.headers["location"]))
        return response


def callback_parameters(response: httpx.Response) -> dict[str, str]:
    """What stands in the redirect to the app."""
    assert response.is_redirect, f"{response.status_code} {response.text[:2000]}"
    query = urlsplit(response.headers["location"]).query
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
