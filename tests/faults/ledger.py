"""Load that keeps its own ledger of what was acknowledged, so that a killed server can be held to its word."""

import http.client
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

import httpx

from tests.issuer import FormBrowser
from tests.races.apps import Code, RacingApp
from tests.races.barrier import Answer, Connection

_AWAY = (OSError, http.client.HTTPException, httpx.HTTPError)


@dataclass
class Ledger:
    """What clients were told. `tokens`: the newest refresh token of each session; `redeemed`: codes answered 200.

    `consents`: how often a yes was acknowledged, `doubtful`: how often its answer was lost or was 503. Amiss: `lost`
    refresh tokens that were handed out and then refused, `doubled` codes that worked twice, `errors` whatever else
    is neither success, the right refusal nor 503.
    """

    tokens: list[str]
    redeemed: list[Code] = field(default_factory=list)
    unknown: list[Code] = field(default_factory=list)
    refreshed: int = 0
    consents: int = 0
    doubtful: int = 0
    unavailable: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[Code] = field(default_factory=list)
    errors: list[object] = field(default_factory=list)


class Consenter:
    """The person's second browser, in which the app is agreed to again and again (OIDC Core, 3.1.2.1: `consent`)."""

    def __init__(self, app: RacingApp) -> None:
        self._app = app
        self._browser = FormBrowser(app.issuer.url)
        self._browser.sign_in(app.authorize_url(), "racer")

    def agree(self, ledger: Ledger) -> None:
        """One more consent, counted as what became of it."""
        page = self._browser.get(self._app.authorize_url(prompt="consent"))
        if page.status_code == 503:
            ledger.unavailable += 1
            return
        if page.status_code != 200 or 'name="decision"' not in page.text:
            ledger.errors.append(("consent page", page.status_code))
            return
        ledger.doubtful += 1
        answer = self._browser.post(page, {"decision": "allow"})
        if answer.is_redirect:
            ledger.doubtful -= 1
            ledger.consents += 1
        elif answer.status_code != 503:
            ledger.errors.append(("consent", answer.status_code))

    def close(self) -> None:
        """Close the browser."""
        self._browser.client.close()


class Load:
    """Sessions that refresh without pause, codes that two redeem at once, and consents when there is a `consenter`.

    `seconds` is how long the codes should last; `source` is the loopback address to come from, where limits are on: the
    second of two that redeem is refused. All goes on until told to stop; the server may die meanwhile.
    """

    def __init__(
        self,
        app: RacingApp,
        ledger: Ledger,
        codes: Sequence[Code],
        consenter: Consenter | None = None,
        seconds: float = 0.5,
        source: str | None = None,
    ) -> None:
        self._source = source
        self._app = app
        self._ledger = ledger
        self._codes = list(codes)
        self._pause = seconds / max(len(codes), 1)
        self._stop = threading.Event()
        self._second: SimpleQueue[Code | None] = SimpleQueue()
        self._second_told: SimpleQueue[Answer | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._refresh, args=(number,)) for number in range(len(ledger.tokens))
        ]
        self._threads += [threading.Thread(target=self._redeem), threading.Thread(target=self._redeem_too)]
        if consenter is not None:
            self._threads.append(threading.Thread(target=self._consent, args=(consenter,)))

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _refresh(self, number: int) -> None:
        ledger = self._ledger

        def once(connection: Connection) -> None:
            token = ledger.tokens[number]
            answer = self._app.refresh(connection, token)
            if answer.status == 200:
                ledger.tokens[number] = answer.body["refresh_token"]
                ledger.refreshed += 1
            elif answer.status == 503:
                ledger.unavailable += 1
            else:
                refused = answer.body.get("error") == "invalid_grant"
                (ledger.lost if refused else ledger.errors).append(token if refused else answer)
                raise _Ended

        self._until_stopped(once)

    def _redeem(self) -> None:
        ledger = self._ledger

        def once(connection: Connection) -> None:
            if not self._codes:
                self._stop.wait(0.01)
                return
            code = self._codes.pop()
            # Listed as unknown until an answer is there: a kill in between leaves it so.
            ledger.unknown.append(code)
            self._second.put(code)
            try:
                answers = [self._app.redeem(connection, code)]
            except _AWAY:
                self._second_told.get()
                raise
            second = self._second_told.get()
            self._weigh(code, answers if second is None else [*answers, second])
            self._stop.wait(self._pause)

        self._until_stopped(once)
        self._second.put(None)

    def _redeem_too(self) -> None:
        """The second of the two that redeem every code at once."""
        connection: Connection | None = None
        while (code := self._second.get()) is not None:
            answer = None
            try:
                connection = connection or Connection(self._app.servers[-1], self._app.issuer.url, self._source)
                answer = self._app.redeem(connection, code)
            except _AWAY:
                if connection is not None:
                    connection.close()
                connection = None
            self._second_told.put(answer)
        if connection is not None:
            connection.close()

    def _weigh(self, code: Code, answers: Sequence[Answer]) -> None:
        ledger = self._ledger
        won = [answer for answer in answers if answer.status == 200]
        if won:
            ledger.unknown.remove(code)
            ledger.redeemed.append(code)
        if len(won) > 1:
            ledger.doubled.append(code)
        ledger.unavailable += sum(answer.status == 503 for answer in answers)
        for answer in answers:
            if answer.status not in (200, 503) and answer.body.get("error") != "invalid_grant":
                ledger.errors.append(answer)

    def _consent(self, consenter: Consenter) -> None:
        while not self._stop.is_set():
            try:
                consenter.agree(self._ledger)
            except _AWAY:
                self._stop.wait(0.02)

    def _until_stopped(self, once: Callable[[Connection], None]) -> None:
        connection: Connection | None = None
        while not self._stop.is_set():
            try:
                connection = connection or Connection(self._app.servers[0], self._app.issuer.url, self._source)
                once(connection)
            except _AWAY:
                if connection is not None:
                    connection.close()
                connection = None
                self._stop.wait(0.02)
            except _Ended:
                break
        if connection is not None:
            connection.close()


class _Ended(Exception):
    """A session that cannot go on."""
