"""Device authorizations: a few minutes each. A poll is one statement, and so is every step of the grant's life."""

import orjson
from sqlalchemy import and_, case, null, select, update
from sqlalchemy import bindparam as param
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.device_grant import (
    LONGEST_INTERVAL_SECONDS,
    SLOW_DOWN_SECONDS,
    Approved,
    Denied,
    DeviceGrant,
    Poll,
    Redeemed,
    Stage,
    Waiting,
)
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import device_grants

_WAITING, _APPROVED, _DENIED, _REDEEMED = "waiting", "approved", "denied", "redeemed"
_BARE: dict[str, Stage] = {_WAITING: Waiting(), _DENIED: Denied(), _REDEEMED: Redeemed()}
_READ = (
    "id", "device_code", "user_code", "client_id", "parameters", "network", "state", "account_id", "sealed",
    "created_at", "expires_at", "poll_interval",
)  # fmt: skip
_ADDED = (*_READ, "next_poll_at", "hurried")
_T = device_grants.c
# Members of the sealed content after subject and scope.
_REST = 6

_ADD = Statement(
    insert_new(device_grants).values({name: param(name) for name in _ADDED}).on_conflict_do_nothing(), *_ADDED
)
_ALL = select(*(_T[name] for name in _READ))
_GET = Statement(_ALL.where(_T.id == param("id")), "id")
_BY_USER_CODE = Statement(_ALL.where(_T.user_code == param("code")), "code")

# Too soon is measured against what the device was told last. A grant that somebody has answered is not slowed down:
# `slow_down` is a kind of `authorization_pending` (RFC 8628, section 3.5).
_TOO_SOON = and_(_T.state == param("waiting"), _T.next_poll_at > param("now"))
_INTERVAL = case(
    (and_(_TOO_SOON, _T.poll_interval < LONGEST_INTERVAL_SECONDS), _T.poll_interval + SLOW_DOWN_SECONDS),
    else_=_T.poll_interval,
)
_POLL = Statement(
    update(device_grants)
    .where(_T.device_code == param("code"), _T.client_id == param("client"))
    .values(
        hurried=case((_TOO_SOON, 1), else_=0), poll_interval=_INTERVAL, next_poll_at=param("now") + _INTERVAL
    )
    .returning(*(_T[name] for name in _READ), _T.hurried),
    "code", "client", "waiting", "now",
)
_ANSWER = Statement(
    update(device_grants)
    .where(_T.id == param("grant"), _T.state == param("waiting"), _T.expires_at > param("now"))
    .values(state=param("answer"), account_id=param("account"), sealed=param("content")),
    "grant", "waiting", "now", "answer", "account", "content",
)
# Who it was for stands in the grant from now on, and nowhere else.
_REDEEM = Statement(
    update(device_grants)
    .where(_T.id == param("grant"), _T.state == param("approved"), _T.expires_at > param("now"))
    .values(state=param("redeemed"), account_id=null(), sealed=param("nothing")),
    "grant", "approved", "now", "redeemed", "nothing",
)
# Without an index: the devices of ten minutes are few, and passwords are rarely replaced.
_DENY_OF_ACCOUNT = Statement(
    update(device_grants)
    .where(_T.account_id == param("account"), _T.state == param("approved"))
    .values(state=param("denied"), account_id=null(), sealed=param("nothing")),
    "account", "approved", "denied", "nothing",
)


class SqlDeviceGrants:
    """Implements `idp.domain.ports.DeviceGrants`."""

    def __init__(self, run: Runner, sealing: ColumnSealing) -> None:
        self._run = run
        self._sealed = sealing.device_grant

    def add(self, grant: DeviceGrant) -> bool:
        state, account_id, sealed = self._columns(grant)
        return self._run.change(
            _ADD, grant.id, grant.device_code, grant.user_code, grant.client_id, orjson.dumps(grant.parameters),
            grant.network, state, account_id, sealed, grant.created_at, grant.expires_at, grant.interval,
            grant.created_at, 0,
        ) == 1

    def get(self, grant_id: bytes) -> DeviceGrant | None:
        row = self._run.one(_GET, grant_id)
        return self._opened(row) if row else None

    def by_user_code(self, user_code: bytes) -> DeviceGrant | None:
        row = self._run.one(_BY_USER_CODE, user_code)
        return self._opened(row) if row else None

    def poll(self, device_code: bytes, client_id: str, now: int) -> Poll | None:
        for *row, hurried in self._run.take(_POLL, device_code, client_id, _WAITING, now):
            return Poll(self._opened(tuple(row)), hurried == 1)
        return None

    def claim_answer(self, answered: DeviceGrant, now: int) -> bool:
        state, account_id, sealed = self._columns(answered)
        return self._run.change(_ANSWER, answered.id, _WAITING, now, state, account_id, sealed) == 1

    def claim_redeemed(self, grant_id: bytes, now: int) -> bool:
        return self._run.change(_REDEEM, grant_id, _APPROVED, now, _REDEEMED, b"") == 1

    def deny_of_account(self, account_id: bytes) -> int:
        return self._run.change(_DENY_OF_ACCOUNT, account_id, _APPROVED, _DENIED, b"")

    def _columns(self, grant: DeviceGrant) -> tuple[str, bytes | None, bytes]:
        """State, account and sealed content of a grant's stage."""
        stage = grant.stage
        if isinstance(stage, Approved):
            content = orjson.dumps((
                stage.subject, " ".join(sorted(stage.scope)), stage.claims_request, stage.auth_time,
                stage.shown_auth_time, stage.acr, stage.nonce, stage.resource,
            ))
            return _APPROVED, stage.account_id, self._sealed.seal(grant.id, content)
        return next(state for state, bare in _BARE.items() if bare == stage), None, b""

    def _opened(self, row: Row) -> DeviceGrant:
        (
            row_id, device_code, user_code, client_id, parameters, network, state, account_id, sealed, created_at,
            expires_at, interval,
        ) = row
        return DeviceGrant(
            row_id, device_code, user_code, client_id, orjson.loads(parameters), network, created_at, expires_at,
            interval, self._stage(row_id, state, account_id, sealed),
        )

    def _stage(self, row_id: bytes, state: str, account_id: bytes | None, sealed: bytes) -> Stage:
        if state != _APPROVED or account_id is None:
            return _BARE[state]
        subject, scope, *rest = orjson.loads(self._sealed.open(row_id, sealed))
        return Approved(account_id, subject, frozenset(scope.split()), *rest[:_REST])
