"""Racers that start together: each thread has its own connection to one of several servers."""

import http.client
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """Status and body of one request."""

    status: int
    body: dict[str, Any]


class Connection:
    """A keep-alive connection to one server that answers for `issuer`, whatever its own port.

    `source` is the loopback address to come from; https trusts what SSL_CERT_FILE names.
    """

    def __init__(self, server: str, issuer: str, source: str | None = None) -> None:
        parts = urlsplit(server)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.netloc, timeout=30, source_address=(source, 0) if source else None)
        self._host = urlsplit(issuer).netloc

    def post(
        self, path: str, form: Mapping[str, str], client: tuple[str, str] | None = None, cookie: str | None = None
    ) -> Answer:
        """POST a form, by HTTP Basic when `client` (id and secret) is given, with a Cookie header when that is."""
        headers = {"Host": self._host, "Content-Type": "application/x-www-form-urlencoded"}
        if client is not None:
            headers["Authorization"] = "Basic " + b64encode(":".join(client).encode()).decode()
        if cookie is not None:
            headers["Cookie"] = cookie
        try:
            self._connection.request("POST", path, urlencode(form), headers)
            response = self._connection.getresponse()
            text = response.read()
        except BaseException:
            # A server that dies half-way leaves a socket that nobody else would close.
            self._connection.close()
            raise
        return Answer(response.status, json.loads(text) if text[:1] == b"{" else {})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def race(things: Sequence[T], racers: int, run: Callable[[int, T], Answer]) -> list[list[Answer]]:
    """For each thing let `racers` threads run at once, the same threads for all; answers by thing.

    `run` gets the racer's number. An exception in any racer is raised here.
    """
    answers: list[list[Answer]] = [[] for _ in things]
    failures: list[BaseException] = []
    barrier, lock = threading.Barrier(racers), threading.Lock()

    def racer(number: int) -> None:
        try:
            for index, thing in enumerate(things):
                barrier.wait(timeout=60)
                answer = run(number, thing)
                with lock:
                    answers[index].append(answer)
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=racer, args=(number,)) for number in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return answers
