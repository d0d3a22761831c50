"""Grants: one row for each code that was exchanged. The hottest path: one statement to claim, one to use."""

from collections.abc import Sequence

import orjson
from sqlalchemy import LargeBinary, and_, exists, func, literal_column, select, update
from sqlalchemy import bindparam as param
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.account import AccountState
from idp.domain.grant import Claim, Grant, Standing
from idp.storage.sql.accounts import AGE_VERSION_BYTES
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.standing import opened_standing, session_alive
from idp.storage.sql.statement import EachStatement, Statement, each_row
from idp.storage.sql.tables import account_keys, accounts, consents, grants, sessions

_CLAIMED = (
    "id", "account_id", "client_id", "session_id", "consent_id", "offline", "sealed", "created_at", "expires_at"
)
_COLUMNS = (*_CLAIMED, "generation", "rotated_at", "revoked_at")
# What is left of the content when the account is deleted: nothing that names or describes a person.
_EMPTIED = ("", "", "", 0, None, None, None, None, ())

_CLAIM = Statement(
    insert_new(grants).values({name: param(name) for name in _CLAIMED}).on_conflict_do_nothing(), *_CLAIMED
)

_EACH = each_row(*_CLAIMED, "age_version")
# Account active and its age as the code says, consent open, session alive: else the grant is not opened. An offline
# grant outlives its session from then on; before, a code left over from a session that was driven out opens nothing.
_HOLDS = and_(
    accounts.c.id == _EACH.c.account_id,
    accounts.c.state == literal_column(f"'{AccountState.ACTIVE.value}'"),
    func.substr(accounts.c.age, literal_column("1"), literal_column(str(AGE_VERSION_BYTES))) == _EACH.c.age_version,
    consents.c.id == _EACH.c.consent_id,
    consents.c.withdrawn_at.is_(None),
    exists(
        select(sessions.c.id).where(
            sessions.c.id == _EACH.c.session_id,
            sessions.c.revoked_at.is_(None),
            sessions.c.expires_at > _EACH.c.created_at,
        )
    ),
)
_CLAIM_EACH = EachStatement(
    insert_new(grants)
    .from_select(
        _CLAIMED, select(*(_EACH.c[name] for name in _CLAIMED)).select_from(_EACH, accounts, consents).where(_HOLDS)
    )
    .on_conflict_do_nothing(),
    **{name: grants.c[name].type for name in _CLAIMED}, age_version=LargeBinary(),
)  # fmt: skip
_SEALED = Statement(select(grants.c.sealed).where(grants.c.id == param("id")), "id")
_UNREVOKED = grants.c.revoked_at.is_(None)
_ALL = select(*(grants.c[name] for name in _COLUMNS))
_GET = Statement(_ALL.where(grants.c.id == param("id")), "id")
_OF_ACCOUNT = Statement(_ALL.where(grants.c.account_id == param("account")).order_by(grants.c.id), "account")
_OF_SESSION = Statement(
    _ALL.join(sessions, sessions.c.account_id == grants.c.account_id)
    .where(sessions.c.id == param("session"), grants.c.session_id == param("session"))
    .order_by(grants.c.id),
    "session",
)
_WITH_STANDING = Statement(
    select(
        *(grants.c[name] for name in _COLUMNS),
        accounts.c.state,
        accounts.c.age,
        account_keys.c.wrapped,
        consents.c.id.is_not(None),
        sessions.c.id.is_not(None),
        accounts.c.tester,
    )
    .select_from(grants)
    .outerjoin(accounts, accounts.c.id == grants.c.account_id)
    .outerjoin(account_keys, account_keys.c.account_id == grants.c.account_id)
    .outerjoin(consents, (consents.c.id == grants.c.consent_id) & consents.c.withdrawn_at.is_(None))
    .outerjoin(sessions, (sessions.c.id == grants.c.session_id) & session_alive("now"))
    .where(grants.c.id == param("id")),
    "id", "now",
)
_ROTATE = Statement(
    update(grants)
    .where(grants.c.id == param("grant"), grants.c.generation == param("known"), _UNREVOKED)
    .values(generation=grants.c.generation + 1, rotated_at=param("now")),
    "grant", "known", "now",
)
_REVOKE = Statement(
    update(grants).where(grants.c.id == param("grant"), _UNREVOKED).values(revoked_at=param("now")), "grant", "now"
)
_REVOKE_OF_ACCOUNT = Statement(
    update(grants).where(grants.c.account_id == param("account"), _UNREVOKED).values(revoked_at=param("now")),
    "account", "now",
)
# By way of the consents: an index on the client would cost every code exchange a third tree.
_REVOKE_OF_CLIENT = Statement(
    update(grants)
    .where(
        grants.c.account_id.in_(select(consents.c.account_id).where(consents.c.client_id == param("client"))),
        grants.c.client_id == param("client"),
        _UNREVOKED,
    )
    .values(revoked_at=param("now")),
    "client", "now",
)


class SqlGrants:
    """Implements `idp.domain.ports.Grants`."""

    def __init__(self, run: Runner, sealing: ColumnSealing) -> None:
        self._run = run
        self._sealing = sealing

    def claim_code(self, grant: Grant) -> bool:
        return self._run.change(_CLAIM, *self._row(grant)) == 1

    def claim_codes(self, claims: Sequence[Claim]) -> list[bool]:
        rows = [(*self._row(claim.grant), claim.age_version) for claim in claims]
        if self._run.change_each(_CLAIM_EACH, rows) == len(rows):
            return [True] * len(rows)
        # Rarely: which of them stand? No two sealed contents are the same, not even of one code that came twice.
        return [self._run.one(_SEALED, row[0]) == (row[_CLAIMED.index("sealed")],) for row in rows]

    def _row(self, grant: Grant) -> tuple[object, ...]:
        content = orjson.dumps((
            grant.subject, grant.claims_request, " ".join(sorted(grant.scope)), grant.auth_time,
            grant.shown_auth_time, grant.sid, grant.acr, grant.jkt, grant.resource,
        ))
        row_id = grant.id
        return (
            row_id, grant.account_id, grant.client_id, grant.session_id, grant.consent_id, int(grant.offline),
            self._sealing.grant.seal(row_id, content), grant.created_at, grant.expires_at,
        )

    def get(self, grant_id: bytes) -> Grant | None:
        row = self._run.one(_GET, grant_id)
        return self._opened(row) if row else None

    def with_standing(self, grant_id: bytes, now: int) -> tuple[Grant, Standing] | None:
        row = self._run.one(_WITH_STANDING, grant_id, now)
        if row is None:
            return None
        grant = self._opened(row[:12])
        alive = grant.offline or grant.session_id is None or bool(row[16])
        standing = opened_standing(
            self._sealing, grant.account_id, row[12:15], bool(row[15]), alive, tester=bool(row[17])
        )
        return grant, standing

    def claim_rotation(self, grant_id: bytes, generation: int, now: int) -> bool:
        return self._run.change(_ROTATE, grant_id, generation, now) == 1

    def revoke(self, grant_id: bytes, now: int) -> bool:
        return self._run.change(_REVOKE, grant_id, now) == 1

    def of_account(self, account_id: bytes) -> Sequence[Grant]:
        return [self._opened(row) for row in self._run.rows(_OF_ACCOUNT, account_id)]

    def of_session(self, session_id: bytes) -> Sequence[Grant]:
        return [self._opened(row) for row in self._run.rows(_OF_SESSION, session_id)]

    def revoke_of_account(self, account_id: bytes, now: int) -> int:
        return self._run.change(_REVOKE_OF_ACCOUNT, account_id, now)

    def revoke_of_client(self, client_id: str, now: int) -> int:
        return self._run.change(_REVOKE_OF_CLIENT, client_id, now)

    def _opened(self, row: Row) -> Grant:
        (
            row_id, account_id, client_id, session_id, consent_id, offline, sealed, created_at, expires_at,
            generation, rotated_at, revoked_at,
        ) = row
        content = orjson.loads(self._sealing.grant.open(row_id, sealed)) if sealed else _EMPTIED
        subject, claims_request, scope, auth_time, shown_auth_time, sid, acr, jkt, resource, *_ = content
        return Grant(
            row_id, account_id, client_id, session_id, consent_id, subject, frozenset(scope.split()),
            claims_request, auth_time, shown_auth_time, sid, acr, offline == 1, jkt, tuple(resource), created_at,
            expires_at, generation, rotated_at, revoked_at,
        )
