"""Registered clients. Readers may be answered from a cache that is at most 3 seconds old."""

from collections.abc import Callable, Sequence
from time import monotonic

from sqlalchemy import bindparam as param
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.client import Client, ClientState
from idp.domain.errors import Conflict
from idp.storage.sql.client_document import from_document, to_document
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import clients

# A suspended client must be refused within 5 s on every node.
CACHE_SECONDS = 3.0
CACHE_MAX = 10_000

_COLUMNS = (
    "id", "state", "sector", "version", "created_at", "secret_hash", "registration_token_hash", "document"
)
_ADD = Statement(
    insert_new(clients).values({name: param(name) for name in _COLUMNS}).on_conflict_do_nothing(), *_COLUMNS
)
_ALL = select(*(clients.c[name] for name in _COLUMNS))
_GET = Statement(_ALL.where(clients.c.id == param("id")), "id")
_PAGE = Statement(
    _ALL.where(clients.c.id > param("after")).order_by(clients.c.id).limit(param("limit")), "after", "limit"
)
_IN_STATE = Statement(
    _ALL.where(clients.c.state == param("state"), clients.c.id > param("after")).order_by(clients.c.id)
    .limit(param("limit")),
    "state", "after", "limit",
)
_OF_SECTOR = Statement(_ALL.where(clients.c.sector == param("sector")).order_by(clients.c.id), "sector")
_REPLACED = tuple(name for name in _COLUMNS if name not in ("id", "version"))
_REPLACE = Statement(
    update(clients).where(clients.c.id == param("client"), clients.c.version == param("expected"))
    .values({name: param(f"new_{name}") for name in _REPLACED}).values(version=clients.c.version + 1),
    "client", "expected", *(f"new_{name}" for name in _REPLACED),
)
_SET_STATE = Statement(
    update(clients).where(clients.c.id == param("client"))
    .values(state=param("new_state"), version=clients.c.version + 1),
    "client", "new_state",
)
_DELETE = Statement(delete(clients).where(clients.c.id == param("id")), "id")


class ClientCache:
    """Clients read lately, shared by the readers of one process. `clock` counts seconds steadily."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._held: dict[str, tuple[float, Client]] = {}

    def get(self, client_id: str) -> Client | None:
        """The client, if it was read at most 3 s ago."""
        held = self._held.get(client_id)
        return held[1] if held and self._clock() < held[0] else None

    def put(self, client: Client, read_at: float) -> None:
        """Keep a client that was read from the database at `read_at` or later."""
        if len(self._held) >= CACHE_MAX:
            self._held.clear()
        self._held[client.id] = (read_at + CACHE_SECONDS, client)

    def drop(self, client_id: str) -> None:
        """Forget a client that is about to change, here at once and elsewhere when its time is up."""
        self._held.pop(client_id, None)

    def now(self) -> float:
        """The time to give to `put`, taken before the reading."""
        return self._clock()


class SqlClients:
    """Implements `idp.domain.ports.Clients`; `writing` transactions see the table, not the cache."""

    def __init__(self, run: Runner, cache: ClientCache) -> None:
        self._run = run
        self._cache = cache

    def add(self, client: Client) -> None:
        state, sector, *rest = _new_values(client)
        if not self._run.change(_ADD, client.id, state, sector, client.version, *rest):
            raise Conflict("the client id exists")

    def get(self, client_id: str) -> Client | None:
        # RFC 6749, appendix A.1. Comes straight from the net, and not every text can be asked for in a database.
        if not (client_id.isascii() and client_id.isprintable()):
            return None
        if self._run.for_write:
            return self.current(client_id)
        client = self._cache.get(client_id)
        if client is None:
            read_at = self._cache.now()
            row = self._run.one(_GET, client_id)
            if row is None:
                return None
            client = _client(row)
            self._cache.put(client, read_at)
        return client

    def current(self, client_id: str) -> Client | None:
        row = self._run.one(_GET, client_id)
        return _client(row) if row else None

    def replace(self, client: Client, expected_version: int) -> bool:
        self._cache.drop(client.id)
        return self._run.change(_REPLACE, client.id, expected_version, *_new_values(client)) == 1

    def set_state(self, client_id: str, state: ClientState) -> bool:
        self._cache.drop(client_id)
        return self._run.change(_SET_STATE, client_id, state.value) == 1

    def delete(self, client_id: str) -> bool:
        self._cache.drop(client_id)
        return self._run.change(_DELETE, client_id) == 1

    def page(self, after: str, limit: int) -> Sequence[Client]:
        return [_client(row) for row in self._run.rows(_PAGE, after, limit)]

    def in_state(self, state: ClientState, after: str, limit: int) -> Sequence[Client]:
        return [_client(row) for row in self._run.rows(_IN_STATE, state.value, after, limit)]

    def of_sector(self, sector: str) -> Sequence[Client]:
        return [_client(row) for row in self._run.rows(_OF_SECTOR, sector)]


def _new_values(client: Client) -> tuple[object, ...]:
    return (
        client.state.value, client.sector, client.created_at, client.secret_hash, client.registration_token_hash,
        to_document(client),
    )


def _client(row: Row) -> Client:
    row_id, state, sector, version, created_at, secret_hash, registration_token_hash, document = row
    return Client(
        id=row_id, state=ClientState(state), sector=sector, version=version, created_at=created_at,
        secret_hash=secret_hash, registration_token_hash=registration_token_hash, **from_document(document),
    )
