"""People and apps, for locust: `python -m loadtests.run`, or locust itself on several machines (README.md).

Every answer is checked for what it must contain; a wrong one counts as a failure, and failures end the run with 1.
"""

import base64
import hashlib
import secrets
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from locust import constant_throughput, events
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import WorkerRunner
from locust.user.task import task

from loadtests.contestant import Codes
from loadtests.mix import Mix
from loadtests.pages import NoForm, form_with
from loadtests.prepared import Prepared

_SCOPE = "openid age"


class Supplies:
    """What the users of this process share: filled when locust starts, used up by all of them."""

    mix: Mix
    prepared: Prepared
    codes: deque[str]
    refresh_codes: deque[str]


@events.init_command_line_parser.add_listener
def _options(parser: Any) -> None:
    parser.add_argument("--mix", default="loadtests/profiles/mixed.toml", help="the load profile (TOML)")
    parser.add_argument("--prepared", default="", help="file of `python -m loadtests.prepare`")
    parser.add_argument("--shares-of-codes", type=int, default=1, help="how many locust workers divide the codes")


@events.init.add_listener
def _load(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    Supplies.mix = Mix.read(Path(options.mix))
    for user in (PersonSigningIn, AppExchanging, AppRefreshing, AppReading):
        user.weight = Supplies.mix.shares.get(user.scenario, 0)
        rate = Supplies.mix.per_second.get(user.scenario, 0)
        user.wait_time = constant_throughput(rate) if rate else lambda _self: 0  # type: ignore[method-assign]
    environment.user_classes = [user for user in environment.user_classes if user.weight]


@events.test_start.add_listener
def _share_out(environment: Environment, **_: Any) -> None:
    """Workers know their number only now."""
    runner = environment.runner
    index = runner.worker_index if isinstance(runner, WorkerRunner) else 0
    of = environment.parsed_options.shares_of_codes
    Supplies.prepared = Prepared.read(Path(environment.parsed_options.prepared)).share(index % of, of)
    Supplies.codes = deque(Supplies.prepared.exchange.exchanges())
    Supplies.refresh_codes = deque(Supplies.prepared.refresh.exchanges())


@events.quitting.add_listener
def _judge(environment: Environment, **_: Any) -> None:
    """Thresholds decide the exit code, on the machine that has all the figures."""
    if isinstance(environment.runner, WorkerRunner):
        return
    limits, stats = Supplies.mix.thresholds, environment.stats
    missed = []
    if stats.total.num_failures > limits.failures:
        missed.append(f"{stats.total.num_failures} failures, at most {limits.failures}")
    if stats.total.total_rps < limits.requests_per_second:
        missed.append(f"{stats.total.total_rps:.0f} requests/s, at least {limits.requests_per_second:.0f}")
    seen = {entry.name: entry for entry in stats.entries.values()}
    for name, most in limits.p99_ms.items():
        if name in seen and (p99 := seen[name].get_response_time_percentile(0.99) or 0) > most:
            missed.append(f"{name}: p99 {p99:.0f} ms, at most {most:.0f}")
    for words in missed:
        print(f"missed: {words}")
    environment.process_exit_code = 1 if missed else 0


class _App(FastHttpUser):
    abstract = True
    scenario = ""
    network_timeout = 15.0
    connection_timeout = 5.0

    def redeem(self, codes: Codes, body: str, name: str) -> dict[str, Any] | None:
        """Exchange a code; the tokens, or None after a failure that was counted."""
        return self._tokens("/token", body, codes.authorization, name)

    def _tokens(self, path: str, body: str, authorization: str, name: str) -> dict[str, Any] | None:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": authorization}
        with self.client.post(path, data=body, headers=headers, name=name, catch_response=True) as answer:
            told = _json(answer)
            if answer.status_code != 200 or not {"access_token", "id_token"} <= told.keys():
                answer.failure(f"{answer.status_code} {told.get('error', 'no tokens')}")
                return None
            answer.success()
            return told


class PersonSigningIn(_App):
    """A person with a fresh browser signs in to an app, through all pages, and the app gets tokens."""

    scenario = "sign_in"

    @task
    def sign_in(self) -> None:
        """The whole flow (OpenID Connect Core, section 3.1)."""
        supplies = Supplies.prepared
        self.client.cookiejar.clear()
        person = supplies.people[secrets.randbelow(len(supplies.people))]
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        try:
            answer = self._authorize(verifier, state)
            page, address = self._page(answer, "GET /sign-in")
            answer = self._submit(
                page, address, "password", {"username": person.username, "password": person.password}, "POST /sign-in"
            )
            answer = self._agree(answer)
        except _Stray as stray:
            self._count_stray(str(stray))
            return
        query = parse_qs(urlsplit(answer).query)
        if query.get("state") != [state] or "code" not in query:
            self._count_stray(f"no code: {query.get('error', ['?'])[0]}")
            return
        app = supplies.app
        codes = Codes(app.client_id, app.client_secret, app.redirect_uri, [(query["code"][0], verifier)])
        self.redeem(codes, codes.exchanges()[0], "POST /token code")

    def _authorize(self, verifier: str, state: str) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        app = Supplies.prepared.app
        params = {
            "response_type": "code", "client_id": app.client_id, "redirect_uri": app.redirect_uri, "scope": _SCOPE,
            "state": state, "nonce": secrets.token_urlsafe(16), "code_challenge": challenge,
            "code_challenge_method": "S256",
        }  # fmt: skip
        return self._redirect("GET", "/authorize", "GET /authorize", params=params)

    def _agree(self, location: str) -> str:
        """Consent is asked for the first time only; then the way leads straight back to the app."""
        while not location.startswith(Supplies.prepared.app.redirect_uri):
            page, address = self._page(location, "GET /consent")
            if not address:
                location = page
                continue
            location = self._submit(page, address, "decision", {"decision": "allow"}, "POST /consent")
        return location

    def _page(self, location: str, name: str) -> tuple[str, str]:
        """A page and its address; where the server sends further on: the next address and an empty one."""
        address = urljoin(str(self.host), location)
        with self.client.get(address, name=name, allow_redirects=False, catch_response=True) as answer:
            if answer.status_code == 303:
                answer.success()
                return str(answer.headers["Location"]), ""
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}")
                raise _Stray(f"{name}: status {answer.status_code}")
            answer.success()
            return str(answer.text), address

    def _submit(self, page: str, address: str, field: str, filled: dict[str, str], name: str) -> str:
        try:
            form = form_with(page, field, address)
        except NoForm as error:
            raise _Stray(str(error)) from error
        return self._redirect("POST", form.action, name, data={**form.fields, **filled})

    def _redirect(self, method: str, address: str, name: str, **sent: Any) -> str:
        with self.client.request(
            method, address, name=name, allow_redirects=False, catch_response=True, **sent
        ) as answer:
            if answer.status_code != 303:
                answer.failure(f"status {answer.status_code}")
                raise _Stray(f"{name}: status {answer.status_code}")
            answer.success()
            return str(answer.headers["Location"])

    def _count_stray(self, words: str) -> None:
        self.environment.events.request.fire(
            request_type="", name="sign-in lost its way", response_time=0, response_length=0,
            exception=_Stray(words), context={},
        )  # fmt: skip


class AppExchanging(_App):
    """An app redeems codes that were minted beforehand: the token endpoint alone."""

    scenario = "exchange"

    @task
    def exchange(self) -> None:
        """One code, once; without codes left this user is done."""
        try:
            body = Supplies.codes.popleft()
        except IndexError:
            raise StopUser from None
        self.redeem(Supplies.prepared.exchange, body, "POST /token code")


class _AppWithTokens(_App):
    abstract = True

    def on_start(self) -> None:
        """Its own person's tokens, from a code that was minted beforehand."""
        try:
            body = Supplies.refresh_codes.popleft()
        except IndexError:
            raise StopUser from None
        tokens = self.redeem(Supplies.prepared.refresh, body, "POST /token code")
        if tokens is None:
            raise StopUser
        self.tokens = tokens

    def refresh_tokens(self) -> None:
        """New tokens for old."""
        body = f"grant_type=refresh_token&refresh_token={self.tokens['refresh_token']}"
        tokens = self._tokens("/token", body, Supplies.prepared.refresh.authorization, "POST /token refresh")
        if tokens is not None:
            self.tokens = tokens


class AppRefreshing(_AppWithTokens):
    """An app that keeps its tokens fresh."""

    scenario = "refresh"

    @task
    def refresh(self) -> None:
        """RFC 6749, section 6."""
        self.refresh_tokens()


class AppReading(_AppWithTokens):
    """An app that asks who it is talking to, and whether a token still holds."""

    scenario = "read"
    _LIFE = 100
    """Requests after which the token is renewed: it lives five minutes."""

    _used = 0

    @task(3)
    def userinfo(self) -> None:
        """OpenID Connect Core, section 5.3."""
        self._renew()
        bearer = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        with self.client.get("/userinfo", headers=bearer, catch_response=True, name="GET /userinfo") as answer:
            _expect(answer, "age_band" in _json(answer))

    @task(1)
    def introspect(self) -> None:
        """RFC 7662."""
        self._renew()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": Supplies.prepared.refresh.authorization,
        }
        body = f"token={self.tokens['access_token']}"
        with self.client.post(
            "/introspect", data=body, headers=headers, catch_response=True, name="POST /introspect"
        ) as answer:
            _expect(answer, _json(answer).get("active") is True)

    def _renew(self) -> None:
        self._used += 1
        if self._used % self._LIFE == 0:
            self.refresh_tokens()


class _Stray(Exception):
    """A person did not get where the flow leads."""


def _expect(answer: Any, right: bool) -> None:
    if answer.status_code == 200 and right:
        answer.success()
    else:
        answer.failure(f"status {answer.status_code}, or not the expected content")


def _json(answer: Any) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
