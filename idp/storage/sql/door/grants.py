"""Grants of the door: one row for each code that was exchanged, and nobody behind it."""

from collections.abc import Sequence

import orjson
from sqlalchemy import bindparam as param
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.age import Band
from idp.domain.grant import Claim, Grant, Standing
from idp.domain.veiled import standing_of
from idp.storage.sql.door.tables import door_grants
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.sealed_columns import RingColumn
from idp.storage.sql.statement import Statement

_CLAIMED = ("id", "client_id", "sealed", "created_at", "expires_at")
_CLAIM = Statement(
    insert_new(door_grants).values({name: param(name) for name in _CLAIMED}).on_conflict_do_nothing(), *_CLAIMED
)
_GET = Statement(
    select(*(door_grants.c[name] for name in (*_CLAIMED, "revoked_at"))).where(door_grants.c.id == param("id")), "id"
)
_UNREVOKED = door_grants.c.revoked_at.is_(None)
_REVOKE = Statement(
    update(door_grants).where(door_grants.c.id == param("grant"), _UNREVOKED).values(revoked_at=param("now")),
    "grant", "now",
)
# Without an index: the grants of five minutes are few, and a client is rarely withdrawn.
_REVOKE_OF_CLIENT = Statement(
    update(door_grants).where(door_grants.c.client_id == param("client"), _UNREVOKED).values(revoked_at=param("now")),
    "client", "now",
)


class SqlDoorGrants:
    """Implements `idp.domain.ports.Grants` where grants belong to no account and are never refreshed."""

    def __init__(self, run: Runner, sealed: RingColumn) -> None:
        self._run = run
        self._sealed = sealed

    def claim_code(self, grant: Grant) -> bool:
        content = orjson.dumps((
            grant.subject, grant.band, grant.claims_request, " ".join(sorted(grant.scope)), grant.auth_time,
            grant.shown_auth_time, grant.acr, grant.jkt, grant.resource,
        ))
        sealed = self._sealed.seal(grant.id, content)
        return self._run.change(_CLAIM, grant.id, grant.client_id, sealed, grant.created_at, grant.expires_at) == 1

    def claim_codes(self, claims: Sequence[Claim]) -> list[bool]:
        return [self.claim_code(claim.grant) for claim in claims]

    def get(self, grant_id: bytes) -> Grant | None:
        row = self._run.one(_GET, grant_id)
        return self._opened(row) if row else None

    def with_standing(self, grant_id: bytes, now: int) -> tuple[Grant, Standing] | None:
        grant = self.get(grant_id)
        return None if grant is None or grant.band is None else (grant, standing_of(grant.band))

    def claim_rotation(self, grant_id: bytes, generation: int, now: int) -> bool:
        return False

    def revoke(self, grant_id: bytes, now: int) -> bool:
        return self._run.change(_REVOKE, grant_id, now) == 1

    def of_account(self, account_id: bytes) -> Sequence[Grant]:
        return ()

    def of_session(self, session_id: bytes) -> Sequence[Grant]:
        return ()

    def revoke_of_account(self, account_id: bytes, now: int) -> int:
        return 0

    def revoke_of_client(self, client_id: str, now: int) -> int:
        return self._run.change(_REVOKE_OF_CLIENT, client_id, now)

    def _opened(self, row: Row) -> Grant:
        row_id, client_id, sealed, created_at, expires_at, revoked_at = row
        subject, band, claims_request, scope, auth_time, shown_auth_time, acr, jkt, resource, *_ = orjson.loads(
            self._sealed.open(row_id, sealed)
        )
        return Grant(
            row_id, b"", client_id, None, b"", subject, frozenset(scope.split()), claims_request, auth_time,
            shown_auth_time, None, acr, False, jkt, tuple(resource), created_at, expires_at,
            revoked_at=revoked_at, band=Band(band),
        )  # fmt: skip
