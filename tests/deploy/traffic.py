"""Steady traffic of apps through a proxy, with a record of every request: what, how it ended, how long it took."""

import http.client
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Self

import httpx

from tests.issuer import FormBrowser, callback_parameters
from tests.races.apps import Code, RacingApp
from tests.races.barrier import Connection

# A wrong secret is counted by address, and 60 in a minute are borne: each address sends fewer.
_WRONG_PER_ADDRESS = 30


@dataclass(frozen=True)
class Request:
    """One request: when it began (monotonic), seconds it took, its status (0: the connection failed)."""

    what: str
    at: float
    seconds: float
    status: int


class BrowsedApp(RacingApp):
    """An app whose codes may also fail to come."""

    def fetch_code(self, codes: list[Code]) -> int:
        """One request to /authorize: its status, and the code in `codes` when there is one."""
        verifier = secrets.token_urlsafe(48)
        page = self.browser.client.get(self._authorize(verifier, "openid age"))
        if page.is_redirect:
            codes.append(Code(callback_parameters(page)["code"], verifier))
        return page.status_code


    def guess_secret(self, connection: Connection) -> int:
        """Try the app's id with another secret, which counts against the sender; the status."""
        form = {"grant_type": "refresh_token", "refresh_token": "guessed"}
        return connection.post("/token", form, (self.client_id, secrets.token_urlsafe(32))).status

    def sign_in_anew(self) -> Code:
        """A code by way of the sign-in page, in a browser that has no session."""
        verifier = secrets.token_urlsafe(48)
        with FormBrowser(self.issuer.url) as browser:
            answer = browser.sign_in(self._authorize(verifier, "openid age"), "racer")
        return Code(answer["code"], verifier)


class Traffic:
    """Clients on connections that stay open: refreshes, codes fetched and redeemed, and guessed secrets, until stopped.

    `pause` seconds between two requests of one client.
    """

    def __init__(self, app: BrowsedApp, clients: int, pause: float = 0.0) -> None:
        self._app = app
        self._pause = pause
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        # Strangers of another traffic, a moment ago, may have used up the tries of their addresses.
        self._strangers = f"127.{20 + secrets.randbelow(200)}"
        self.requests: list[Request] = []
        self.broken: list[str] = []
        self._threads = [threading.Thread(target=self._guarded, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def failed(self) -> list[Request]:
        """Requests that did not end as they should: a wrong secret with 401, all others with 200 or a redirect."""
        right = {"wrong secret": 401, "authorize": 303}
        return [one for one in self.requests if one.status != right.get(one.what, 200)]

    def percentile(self, begun: float, ended: float, share: float = 0.99) -> float:
        """Seconds within which `share` of the requests were answered that began between two moments."""
        times = sorted(one.seconds for one in self.requests if begun <= one.at < ended)
        assert len(times) >= 100, f"{len(times)} requests are too few to speak of"
        return times[int(share * (len(times) - 1))]

    def summary(self) -> str:
        """Counts by kind and status."""
        counts = Counter((one.what, one.status) for one in self.requests)
        return ", ".join(f"{what} {status}: {number}" for (what, status), number in sorted(counts.items()))

    def _guarded(self, number: int) -> None:
        try:
            self._client(number)
        except BaseException as error:
            self._errors.append(error)
            self._stop.set()

    def _client(self, number: int) -> None:
        """A session of its own, then one kind of request after another."""
        app, issuer = self._app, self._app.issuer.url
        own = Connection(issuer, issuer, f"127.1.{number}.1")
        token = app.redeem(own, app.codes(1)[0]).body["refresh_token"]
        # Guesses come from elsewhere, or their limit would hit the honest.
        wrong, addresses, stranger = 0, count(1), own
        for turn in count():
            if self._stop.wait(self._pause):
                break
            self._measure("refresh", lambda: app.refresh(own, token).status)
            if turn % 4 == 0:
                codes: list[Code] = []
                self._measure("authorize", lambda codes=codes: app.fetch_code(codes))
                for code in codes:
                    self._measure("code", lambda code=code: app.redeem(own, code).status)
            elif turn % 4 == 2:
                if wrong % _WRONG_PER_ADDRESS == 0:
                    if stranger is not own:
                        stranger.close()
                    stranger = Connection(issuer, issuer, f"{self._strangers}.{number}.{next(addresses) % 250 + 1}")
                wrong += 1
                self._measure("wrong secret", lambda at=stranger: app.guess_secret(at))
        stranger.close()
        own.close()

    def _measure(self, what: str, run: Callable[[], int]) -> None:
        begun = time.monotonic()
        try:
            status = run()
        except (OSError, http.client.HTTPException, httpx.HTTPError) as error:
            self.broken.append(f"{what}: {error!r}")
            status = 0
        self.requests.append(Request(what, begun, time.monotonic() - begun, status))
