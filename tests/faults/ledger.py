"""Load that keeps its own ledger of what was acknowledged, so that a killed server can be held to its word."""

import http.client
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.races.apps import Code, RacingApp
from tests.races.barrier import Answer, Connection

_AWAY = (OSError, http.client.HTTPException)


@dataclass
class Ledger:
    """What clients were told. `tokens`: the newest refresh token of each session; `redeemed`: codes answered 200."""

    tokens: list[str]
    redeemed: list[Code] = field(default_factory=list)
    unknown: list[Code] = field(default_factory=list)
    refreshed: int = 0
    errors: list[Answer] = field(default_factory=list)


class Load:
    """Sessions that refresh without pause and a redeemer of codes, until told to stop; the server may die meanwhile."""

    def __init__(self, app: RacingApp, ledger: Ledger, codes: Sequence[Code]) -> None:
        self._app = app
        self._ledger = ledger
        self._codes = list(codes)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._refresh, args=(number,)) for number in range(len(ledger.tokens))
        ] + [threading.Thread(target=self._redeem)]

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
            answer = self._app.refresh(connection, ledger.tokens[number])
            if answer.status == 200:
                ledger.tokens[number] = answer.body["refresh_token"]
                ledger.refreshed += 1
            elif answer.status != 503:
                ledger.errors.append(answer)
                self._stop.set()

        self._until_stopped(once)

    def _redeem(self) -> None:
        ledger = self._ledger

        def once(connection: Connection) -> None:
            if not self._codes:
                self._stop.wait(0.01)
                return
            code = self._codes.pop()
            # Listed as unknown until the answer is there: a kill in between leaves it so.
            ledger.unknown.append(code)
            answer = self._app.redeem(connection, code)
            if answer.status == 503:
                return
            ledger.unknown.remove(code)
            if answer.status == 200:
                ledger.redeemed.append(code)
            else:
                ledger.errors.append(answer)

        self._until_stopped(once)

    def _until_stopped(self, once: Callable[[Connection], None]) -> None:
        connection: Connection | None = None
        while not self._stop.is_set():
            try:
                connection = connection or Connection(self._app.servers[0], self._app.issuer.url)
                once(connection)
            except _AWAY:
                if connection is not None:
                    connection.close()
                connection = None
                self._stop.wait(0.02)
        if connection is not None:
            connection.close()
