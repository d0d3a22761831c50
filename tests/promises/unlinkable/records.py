"""All that the two halves and an app could write down: every request and answer, databases, logs, and what was sealed.

What is sealed is taken before it is: an operator has the master key, so ciphertext hides nothing from this reader.
"""

import io
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crypto import aead
from idp.logs import JsonLines
from idp.wsgi import Application
from tests.app import App
from tests.clock import FixedClock
from tests.veiled import Veiled

_serving: ContextVar["Side | None"] = ContextVar("serving", default=None)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its answer. `at` in seconds; `head` is method, address and header lines of the request."""

    at: int
    method: str
    path: str
    peer: str
    head: bytes
    body: bytes
    status: int
    answer_head: bytes
    answer: bytes

    @property
    def parts(self) -> tuple[bytes, ...]:
        """Everything of it that could be kept."""
        return self.head, self.body, self.answer_head, self.answer

    @property
    def sizes(self) -> tuple[int, ...]:
        """The lengths of all parts."""
        return tuple(len(part) for part in self.parts)


@dataclass
class Side:
    """One half with its records. `sealed` holds the plaintexts of what it sealed, in columns, codes and requests."""

    app: App
    exchanges: list[Exchange] = field(default_factory=list)
    log: io.StringIO = field(default_factory=io.StringIO)
    sealed: list[bytes] = field(default_factory=list)
    visitor: tuple[str, str] | None = None
    """Whose browser asks now: address and user agent, put on what comes. None: as the test sends it."""

    @property
    def database(self) -> dict[str, bytes]:
        """The bytes of the database's files as they are now, its write-ahead log among them, without page tables."""
        directory: Path = self.app.settings.data_dir
        files = {path.name: path.read_bytes() for path in sorted(directory.glob("blindage.db*"))}
        return {name: without_page_tables(data, wal=name.endswith("-wal")) for name, data in files.items()}

    @property
    def blobs(self) -> dict[str, bytes]:
        """Everything by a name that says where it comes from."""
        found = {f"database {name}": data for name, data in self.database.items()}
        found |= {f"sealed {number}": plaintext for number, plaintext in enumerate(self.sealed)}
        for number, each in enumerate(self.exchanges):
            for name, part in zip(("request", "body", "headers", "answer"), each.parts, strict=True):
                found[f"{name} {number} {each.method} {each.path}"] = part
        return {**found, "log": self.log.getvalue().encode()}


_PAGE, _WAL_HEAD, _FRAME_HEAD, _FILE_HEAD = 4096, 32, 24, 100
_LEAF_HEAD, _INNER_HEAD = 8, 12
_STALE = 64
_INNER, _TREE_PAGES = (2, 5), (2, 5, 10, 13)


def without_page_tables(data: bytes, wal: bool) -> bytes:
    """A SQLite file with the head of each tree page and its table of offsets set to zero (its file format, 1.6).

    They say how long records are and in which order they were written to the page, in few bytes; two files of like
    content have like tables by chance. Lengths and order are what `matchers` look at.
    """
    left = bytearray(data)
    step, begin = (_FRAME_HEAD + _PAGE, _WAL_HEAD + _FRAME_HEAD) if wal else (_PAGE, 0)
    for at in range(begin, len(data) - _PAGE + 1, step):
        is_first = data[at : at + 6] == b"SQLite"
        head = at + (_FILE_HEAD if is_first else 0)
        if data[head] in _TREE_PAGES:
            size = _INNER_HEAD if data[head] in _INNER else _LEAF_HEAD
            size += 2 * int.from_bytes(data[head + 3 : head + 5], "big")
            # Behind the table may stand offsets that it had before; what is left of the page begins where records do.
            size = max(size, min(size + _STALE, int.from_bytes(data[head + 5 : head + 7], "big") - (head - at)))
            left[head : head + size] = bytes(size)
    return bytes(left)


@contextmanager
def recorded(veiled: Veiled) -> Iterator[tuple[Side, Side]]:
    """Keep the records of the account side and of the door, as long as the block lasts. Make people and apps within."""
    account, door = Side(veiled.account), Side(veiled.door)
    handler = _SideLog(veiled.clock)
    root, level = logging.getLogger(), logging.getLogger().level
    plain = [side.app.application for side in (account, door)]
    seal = aead.encrypt
    for side in (account, door):
        side.app.application = _recorder(side, side.app.application)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    aead.encrypt = _eavesdropping(seal, (account, door))
    try:
        yield account, door
    finally:
        aead.encrypt = seal
        root.setLevel(level)
        root.removeHandler(handler)
        for side, application in zip((account, door), plain, strict=True):
            side.app.application = application


def _recorder(side: Side, application: Application) -> Application:
    """The application, with a stenographer in front."""

    def recording(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if side.visitor is not None:
            environ["REMOTE_ADDR"], environ["HTTP_USER_AGENT"] = side.visitor
        head = _head(environ)
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            started.append((status, headers))

        token = _serving.set(side)
        try:
            chunks = application(environ, start)
            answer = b"".join(chunks)
            if hasattr(chunks, "close"):
                chunks.close()
        finally:
            _serving.reset(token)
        status, headers = started[-1]
        lines = "".join(f"{name}: {value}\n" for name, value in headers).encode("latin-1")
        side.exchanges.append(
            Exchange(
                side.app.clock.now(), environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("REMOTE_ADDR", ""),
                head, body, int(status[:3]), lines, answer,
            )
        )  # fmt: skip
        start_response(status, headers)
        return [answer]

    return recording


def _head(environ: dict[str, Any]) -> bytes:
    names = {name: name.removeprefix("HTTP_") for name in environ if name.startswith(("HTTP_", "CONTENT_TYPE"))}
    lines = "".join(f"{plain.replace('_', '-').title()}: {environ[name]}\n" for name, plain in sorted(names.items()))
    address = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
    text = f"{environ['REQUEST_METHOD']} {address}\nFrom: {environ.get('REMOTE_ADDR', '')}\n{lines}"
    return text.encode("latin-1", "replace")


def _eavesdropping(seal: Callable[..., bytes], sides: tuple[Side, Side]) -> Callable[..., bytes]:
    """Everything sealed here is bound to its issuer, which tells the sides apart."""

    def encrypt(plaintext: bytes, ad: bytes, nonce: bytes, key: bytes) -> bytes:
        bound = [side for side in sides if side.app.issuer.encode() in ad]
        assert len(bound) == 1, ad
        bound[0].sealed.append(plaintext)
        return seal(plaintext, ad, nonce, key)

    return encrypt


class _SideLog(logging.Handler):
    """Lines that are written while a request is served, as the servers write them, at the test's time."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self._clock = clock

    def emit(self, record: logging.LogRecord) -> None:
        side = _serving.get()
        if side is not None:
            record.created = float(self._clock.now())
            side.log.write(self.format(record) + "\n")
