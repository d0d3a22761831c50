"""A person with a browser at the issuer's pages: through whatever forms come, to where the flow ends."""

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from locust.user.task import task

from loadtests.contestant import Codes
from loadtests.pages import NoForm, form_with
from loadtests.prepared import Person
from loadtests.scenarios.app import App, Stray
from loadtests.scenarios.supplies import Supplies

_PAGES = 8
"""More than any flow has: a person does not go round in circles."""


class Visitor(App):
    """Base of users that look at pages."""

    abstract = True

    def walk(self, location: str, person: Person, end: str) -> str:
        """Sign in and agree where that is asked; the address beginning with `end` that it leads to. Stray."""
        for _ in range(_PAGES):
            if location.startswith(end):
                return location
            page, address = self._page(location)
            location = self._answer(page, address, person) if address else page
        raise Stray(f"no end in sight at {urlsplit(location).path}")

    def _answer(self, page: str, address: str, person: Person) -> str:
        name = f"POST {urlsplit(address).path}"
        try:
            form = form_with(page, "password", address)
            filled = {"username": person.username, "password": person.password}
        except NoForm:
            try:
                form, filled = form_with(page, "decision", address), {"decision": "allow"}
            except NoForm as error:
                raise Stray(str(error)) from error
        return self.redirect("POST", form.action, name, data={**form.fields, **filled})

    def _page(self, location: str) -> tuple[str, str]:
        """A page and its address; where the server sends further on: the next address and an empty one."""
        address = urljoin(str(self.host), location)
        name = f"GET {urlsplit(address).path}"
        with self.client.get(address, name=name, allow_redirects=False, catch_response=True) as answer:
            if answer.status_code == 303:
                answer.success()
                return urljoin(address, str(answer.headers["Location"])), ""
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}")
                raise Stray(f"{name}: status {answer.status_code}")
            answer.success()
            return str(answer.text), address

    def redirect(self, method: str, address: str, name: str, **sent: Any) -> str:
        """A request that must lead on; where to, made absolute. Stray."""
        with self.client.request(
            method, address, name=name, allow_redirects=False, catch_response=True, **sent
        ) as answer:
            if answer.status_code != 303:
                answer.failure(f"status {answer.status_code}")
                raise Stray(f"{name}: status {answer.status_code}")
            answer.success()
            return urljoin(urljoin(str(self.host), address), str(answer.headers["Location"]))


class PersonSigningIn(Visitor):
    """A person with a fresh browser signs in to an app, through all pages, and the app gets tokens."""

    scenario = "sign_in"

    @task
    def sign_in(self) -> None:
        """The whole flow (OpenID Connect Core, section 3.1)."""
        supplies = Supplies.prepared
        self.client.cookiejar.clear()
        person = supplies.people[secrets.randbelow(len(supplies.people))]
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        app = supplies.app
        try:
            start = self.redirect("GET", "/authorize", "GET /authorize", params={
                "client_id": app.client_id, "redirect_uri": app.redirect_uri, "scope": "openid age",
                "nonce": secrets.token_urlsafe(16), **asked(state, verifier),
            })  # fmt: skip
            answer = self.walk(start, person, app.redirect_uri)
        except Stray as stray:
            self.count_failure("sign-in lost its way", str(stray))
            return
        query = parse_qs(urlsplit(answer).query)
        if query.get("state") != [state] or "code" not in query:
            self.count_failure("sign-in lost its way", f"no code: {query.get('error', ['?'])[0]}")
            return
        codes = Codes(app.client_id, app.client_secret, app.redirect_uri, [(query["code"][0], verifier)])
        self.redeem(codes, codes.exchanges()[0], "POST /token code")


def asked(state: str, verifier: str) -> dict[str, str]:
    """The parameters that all authorization requests have (RFC 7636, section 4.3)."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {
        "response_type": "code", "state": state, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
