"""Consents: at most one active for each account, client and giver, and the grants that hang on it."""

from collections.abc import Sequence

from sqlalchemy import and_, exists, select, update
from sqlalchemy import bindparam as param
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.consent import Consent, Giver
from idp.domain.errors import Conflict
from idp.domain.grant import Agreed, Standing
from idp.storage.sql.runner import Row, Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.standing import opened_standing, session_alive
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import account_keys, accounts, consents, grants, sessions

_COLUMNS = (
    "id", "account_id", "client_id", "scope", "claims", "manifest_version", "giver", "created_at", "withdrawn_at"
)
_PAIR = and_(consents.c.account_id == param("account"), consents.c.client_id == param("client"))
_OPEN = consents.c.withdrawn_at.is_(None)
_ALL = select(*(consents.c[name] for name in _COLUMNS))

# Two pages that agree at the same moment must come one after the other.
_LOCK_ACCOUNT = Statement(
    select(accounts.c.id).where(accounts.c.id == param("id")).with_for_update(key_share=True), "id"
)
_ADD = Statement(
    insert_new(consents).values({name: param(name) for name in _COLUMNS}).on_conflict_do_nothing(), *_COLUMNS
)
_OLDER = Statement(_ALL.where(_PAIR, consents.c.giver == param("giver"), _OPEN), "account", "client", "giver")
_CLOSE = Statement(
    update(consents).where(consents.c.id == param("consent"), _OPEN).values(withdrawn_at=param("now")),
    "consent", "now",
)
_UNDER = and_(
    grants.c.account_id == param("account"), grants.c.consent_id == param("older"), grants.c.revoked_at.is_(None)
)
_MOVE_GRANTS = Statement(
    update(grants).where(_UNDER).values(consent_id=param("newer")), "account", "older", "newer"
)
_REVOKE_UNDER = Statement(
    update(grants).where(_UNDER).values(revoked_at=param("now")), "account", "older", "now"
)
_ACTIVE = Statement(_ALL.where(_PAIR, _OPEN).order_by(consents.c.id), "account", "client")
_OF_ACCOUNT = Statement(
    _ALL.where(consents.c.account_id == param("account")).order_by(consents.c.created_at, consents.c.id), "account"
)
_WITHDRAW = Statement(
    update(consents).where(_PAIR, _OPEN).values(withdrawn_at=param("now")), "account", "client", "now"
)
_REVOKE_OF_PAIR = Statement(
    update(grants)
    .where(
        grants.c.account_id == param("account"),
        grants.c.client_id == param("client"),
        grants.c.revoked_at.is_(None),
    )
    .values(revoked_at=param("now")),
    "account", "client", "now",
)
_STANDING = Statement(
    select(
        accounts.c.state,
        accounts.c.age,
        account_keys.c.wrapped,
        consents.c.id,
        consents.c.scope,
        consents.c.claims,
        exists(select(sessions.c.id).where(sessions.c.id == param("session"), session_alive("now"))),
        accounts.c.tester,
    )
    .join(account_keys)
    .outerjoin(consents, and_(_PAIR, _OPEN, consents.c.giver == param("giver")))
    .where(accounts.c.id == param("account")),
    "account", "client", "session", "now", "giver",
)


class SqlConsents:
    """Implements `idp.domain.ports.Consents`."""

    def __init__(self, run: Runner, sealing: ColumnSealing) -> None:
        self._run = run
        self._sealing = sealing

    def give(self, consent: Consent) -> None:
        account_id, now = consent.account_id, consent.created_at
        if self._run.one(_LOCK_ACCOUNT, account_id) is None:
            raise Conflict("the account does not exist")
        older = [_consent(row) for row in self._run.rows(_OLDER, account_id, consent.client_id, consent.giver.value)]
        for old in older:
            self._run.change(_CLOSE, old.id, now)
            if consent.covers(old.scope, old.claims, old.manifest_version):
                self._run.change(_MOVE_GRANTS, account_id, old.id, consent.id)
            else:
                self._run.change(_REVOKE_UNDER, account_id, old.id, now)
        added = self._run.change(
            _ADD, consent.id, account_id, consent.client_id, _words(consent.scope), _words(consent.claims),
            consent.manifest_version, consent.giver.value, now, consent.withdrawn_at,
        )
        if not added:
            raise Conflict("the consent exists")

    def active(self, account_id: bytes, client_id: str) -> Sequence[Consent]:
        return [_consent(row) for row in self._run.rows(_ACTIVE, account_id, client_id)]

    def of_account(self, account_id: bytes) -> Sequence[Consent]:
        return [_consent(row) for row in self._run.rows(_OF_ACCOUNT, account_id)]

    def withdraw(self, account_id: bytes, client_id: str, now: int) -> int:
        withdrawn = self._run.change(_WITHDRAW, account_id, client_id, now)
        self._run.change(_REVOKE_OF_PAIR, account_id, client_id, now)
        return withdrawn

    def standing(self, account_id: bytes, client_id: str, session_id: bytes | None, now: int) -> Standing:
        row = self._run.one(_STANDING, account_id, client_id, session_id or b"", now, Giver.SELF.value)
        if row is None:
            return Standing(None, False, None, session_alive=False)
        state, age, wrapped, consent_id, scope, claims, alive, tester = row
        agreed = None if consent_id is None else Agreed(consent_id, _set_of(scope), _set_of(claims))
        return opened_standing(
            self._sealing, account_id, (state, age, wrapped), agreed is not None,
            session_id is None or bool(alive), bool(tester), agreed,
        )


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _words(values: frozenset[str]) -> str:
    return " ".join(sorted(values))


def _consent(row: Row) -> Consent:
    row_id, account_id, client_id, scope, claims, manifest_version, giver, created_at, withdrawn_at = row
    return Consent(
        row_id, account_id, client_id, frozenset(scope.split()), frozenset(claims.split()), manifest_version,
        Giver(giver), created_at, withdrawn_at,
    )
