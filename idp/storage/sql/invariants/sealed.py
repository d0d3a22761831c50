"""I11: what is sealed or hashed at rest looks like it in every row; keys, which are few, are opened as well.

Sealed values have a form that no readable text has by accident: a ring entry's id in front, a length in steps of 128.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, func, select

from crypto.aead import KEY_SIZE, NONCE_SIZE, TAG_SIZE
from crypto.errors import CryptoError
from crypto.keyring import RING_ID_SIZE
from crypto.sealing import RECORD_STEP
from idp.storage.sql.door import tables as door
from idp.storage.sql.invariants.walk import Walk
from idp.storage.sql.runner import Runner
from idp.storage.sql.sealed_columns import ColumnSealing, RingColumn
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import (
    account_keys,
    accounts,
    audit_events,
    clients,
    dedup_indexes,
    device_grants,
    grants,
    outbox,
    passkeys,
    recovery_codes,
    sessions,
    signing_keys,
    spent,
    staff,
    staff_passkeys,
    staff_sessions,
    token_keys,
    wrapped_keys,
)

_DIGEST_BYTES = 32
_RECORD_FRAME = NONCE_SIZE + TAG_SIZE
_RING_FRAME = RING_ID_SIZE + _RECORD_FRAME


@dataclass(frozen=True, slots=True)
class Form:
    """What the values of a column look like: which lengths, and whether a ring entry's id stands in front."""

    fits: Callable[[int], bool]
    under_ring: bool = False

    def or_nothing(self) -> "Form":
        """The same, or empty: content that was removed, or is not there yet."""
        return Form(lambda length: length == 0 or self.fits(length), self.under_ring)


def _padded(length: int, frame: int) -> bool:
    return length > frame and (length - frame) % RECORD_STEP == 0


DIGEST = Form(lambda length: length == _DIGEST_BYTES)
RECORD = Form(lambda length: _padded(length, _RECORD_FRAME))
RING = Form(lambda length: _padded(length, _RING_FRAME), under_ring=True)
WRAPPED_KEY = Form(lambda length: length == _RING_FRAME + KEY_SIZE, under_ring=True)
# One byte ends the padding of a column.
DATA_KEY = Form(lambda length: length == _RING_FRAME + KEY_SIZE + 1, under_ring=True)
# A record, or under the ring where no account is concerned.
DETAILS = Form(lambda length: length == 0 or _padded(length, _RECORD_FRAME) or _padded(length, _RING_FRAME))

ACCOUNT_FORMS: dict[Column[Any], Form] = {
    accounts.c.username_index: DIGEST,
    accounts.c.profile: RECORD,
    accounts.c.password: RECORD,
    accounts.c.age: RECORD,
    accounts.c.dedup: RECORD,
    accounts.c.links: RECORD,
    account_keys.c.wrapped: DATA_KEY,
    dedup_indexes.c.digest: DIGEST,
    sessions.c.id: DIGEST,
    recovery_codes.c.digest: DIGEST,
    passkeys.c.id: DIGEST,
    passkeys.c.sealed: RECORD,
    staff.c.name_index: DIGEST,
    staff.c.name: RING,
    staff.c.password: RING,
    staff.c.totp: RING,
    staff_sessions.c.id: DIGEST,
    staff_passkeys.c.id: DIGEST,
    staff_passkeys.c.sealed: RING,
    grants.c.sealed: RING.or_nothing(),
    device_grants.c.device_code: DIGEST,
    device_grants.c.user_code: DIGEST,
    device_grants.c.sealed: RING.or_nothing(),
    outbox.c.payload: RING.or_nothing(),
    audit_events.c.details: DETAILS,
    token_keys.c.sealed: RING,
}
DOOR_FORMS: dict[Column[Any], Form] = {
    door.door_grants.c.sealed: RING,
    door.spent_tokens.c.digest: DIGEST,
    door.answered_requests.c.request: DIGEST,
    door.answered_requests.c.token: DIGEST,
    door.answered_requests.c.sealed: RING,
    door.audit_events.c.details: DETAILS,
}
SHARED_FORMS: dict[Column[Any], Form] = {
    clients.c.secret_hash: DIGEST,
    clients.c.registration_token_hash: DIGEST,
    spent.c.digest: DIGEST,
    signing_keys.c.sealed: RING,
    wrapped_keys.c.wrapped: WRAPPED_KEY,
}
"""With the two above: every column that is sealed or a digest of a secret, and the form of its values."""


class _FormCheck:
    """Lengths and ring ids of one column, grouped by the database: few lines, however many rows."""

    def __init__(self, column: Column[Any], form: Form) -> None:
        self._form = form
        self._walk = Walk(next(iter(column.table.primary_key.columns)))
        length = func.length(column)
        # The head of a record is random: to group by it would be to fetch every row.
        parts = [length, func.substr(column, 1, RING_ID_SIZE)] if form.under_ring else [length]
        self._forms = Statement(
            select(func.count(), *parts).where(self._walk.within, column.is_not(None)).group_by(*parts),
            "after", "stop",
        )

    def violations(self, run: Runner, ring: frozenset[bytes]) -> int:
        """Rows whose value is not of the column's form."""
        return sum(
            count
            for stretch in self._walk.stretches(run)
            for count, length, *head in run.rows(self._forms, *stretch)
            if not self._form.fits(length) or (length and head and bytes(head[0]) not in ring)
        )


_AT_ACCOUNT_ISSUER = [_FormCheck(*form) for form in (*SHARED_FORMS.items(), *ACCOUNT_FORMS.items())]
_AT_DOOR = [_FormCheck(*form) for form in (*SHARED_FORMS.items(), *DOOR_FORMS.items())]
_SIGNING_KEYS = Statement(select(signing_keys.c.kid, signing_keys.c.sealed))
_TOKEN_KEYS = Statement(select(token_keys.c.key_id, token_keys.c.sealed))


def unsealed(run: Runner, sealing: ColumnSealing) -> int:
    """Values of the account issuer's database that are neither sealed nor hashed where they have to be."""
    forms = sum(check.violations(run, sealing.ring_ids) for check in _AT_ACCOUNT_ISSUER)
    tokens = sum(_shut(sealing.token_key, bytes(key_id), sealed) for key_id, sealed in run.rows(_TOKEN_KEYS))
    return forms + tokens + _shut_keys(run, sealing)


def unsealed_at_door(run: Runner, sealing: ColumnSealing) -> int:
    """The same in the door's."""
    return sum(check.violations(run, sealing.ring_ids) for check in _AT_DOOR) + _shut_keys(run, sealing)


def _shut_keys(run: Runner, sealing: ColumnSealing) -> int:
    return sum(_shut(sealing.signing_key, kid.encode(), sealed) for kid, sealed in run.rows(_SIGNING_KEYS))


def _shut(column: RingColumn, row_id: bytes, sealed: bytes) -> bool:
    """Whether a value of the right form does not open; one of another form is counted already."""
    if not RING.fits(len(sealed)):
        return False
    try:
        column.open(row_id, sealed)
    except CryptoError:
        return True
    return False
