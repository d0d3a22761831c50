"""How columns are sealed: under the data key of their account, or under the master ring.

Personal data lies under a data key of 32 random bytes per account, which is itself wrapped by the ring in
`account_keys`: without that row nothing opens any more. A grant lies under the ring directly, because its data key
would cost the hot path a read and an opening; so `accounts.delete` empties the grants of the account as well.
"""

import hmac
from hashlib import blake2b

import nacl.utils

from crypto.aead import KEY_SIZE
from crypto.encoding import lp
from crypto.keyring import RING_ID_SIZE, KeyRing
from crypto.sealing import RECORD_STEP, Sealer, column_ad, open_record, seal_record

_END = b"\x80"


class _Place:
    """One column: its fixed part of `crypto.sealing.column_ad`, written once."""

    __slots__ = ("_front",)

    def __init__(self, issuer: str, table: str, column: str) -> None:
        self._front = column_ad(issuer, table, column, b"")[:-2]

    def ad(self, row_id: bytes) -> bytes:
        return self._front + len(row_id).to_bytes(2, "big") + row_id


class RecordColumn(_Place):
    """A column under the data key of its account."""

    __slots__ = ()

    def seal(self, data_key: bytes, row_id: bytes, plaintext: bytes) -> bytes:
        """nonce (24) || ciphertext, padded to a multiple of 128."""
        return seal_record(data_key, plaintext, self.ad(row_id))

    def open(self, data_key: bytes, row_id: bytes, sealed: bytes) -> bytes:
        """The plaintext; SealError for another row, column or key."""
        return open_record(data_key, sealed, self.ad(row_id))


class RingColumn(_Place):
    """A column under the newest entry of the ring; opens under every entry."""

    __slots__ = ("_sealer", "_step")

    def __init__(self, issuer: str, table: str, column: str, sealer: Sealer, step: int = RECORD_STEP) -> None:
        super().__init__(issuer, table, column)
        self._sealer = sealer
        self._step = step

    def seal(self, row_id: bytes, plaintext: bytes) -> bytes:
        """ring id (4) || nonce (24) || ciphertext, padded to a multiple of the column's step."""
        padded = plaintext + _END + bytes(-(len(plaintext) + 1) % self._step)
        return self._sealer.seal(padded, self.ad(row_id))

    def open(self, row_id: bytes, sealed: bytes) -> bytes:
        """The plaintext; SealError for another row, column or ring."""
        return self._sealer.open(sealed, self.ad(row_id)).rstrip(b"\0")[:-1]


class ColumnSealing:
    """All sealed columns of one issuer. Made once; keys and associated data are prepared here."""

    def __init__(self, ring: KeyRing) -> None:
        self.issuer = ring.issuer
        self._ring = ring
        sealer = Sealer(ring, "seal")
        # A key has one length: nothing to hide, so no padding beyond its end mark.
        self._account_key = RingColumn(ring.issuer, "account_keys", "wrapped", sealer, step=1)
        self.profile = RecordColumn(ring.issuer, "accounts", "profile")
        self.password = RecordColumn(ring.issuer, "accounts", "password")
        self.age = RecordColumn(ring.issuer, "accounts", "age")
        self.dedup = RecordColumn(ring.issuer, "accounts", "dedup")
        self.links = RecordColumn(ring.issuer, "accounts", "links")
        self.passkey = RecordColumn(ring.issuer, "passkeys", "sealed")
        self.staff_name = RingColumn(ring.issuer, "staff", "name", sealer)
        self.staff_password = RingColumn(ring.issuer, "staff", "password", sealer)
        self.staff_totp = RingColumn(ring.issuer, "staff", "totp", sealer)
        self.staff_passkey = RingColumn(ring.issuer, "staff_passkeys", "sealed", sealer)
        self.audit_details = RecordColumn(ring.issuer, "audit_events", "details")
        self.audit_details_without_account = RingColumn(ring.issuer, "audit_events", "details", sealer)
        self.grant = RingColumn(ring.issuer, "grants", "sealed", sealer)
        self.door_grant = RingColumn(ring.issuer, "door_grants", "sealed", sealer)
        self.answered_request = RingColumn(ring.issuer, "answered_requests", "sealed", sealer)
        self.device_grant = RingColumn(ring.issuer, "device_grants", "sealed", sealer)
        self.signing_key = RingColumn(ring.issuer, "signing_keys", "sealed", sealer)
        self.token_key = RingColumn(ring.issuer, "token_keys", "sealed", sealer)
        self.outbox = RingColumn(ring.issuer, "outbox", "payload", sealer)

    @property
    def ring_ids(self) -> frozenset[bytes]:
        """The ids that stand in front of what is under the ring."""
        return frozenset(entry.id for entry in self._ring.entries)

    def new_data_key(self, account_id: bytes) -> tuple[bytes, bytes]:
        """A random data key for a new account, and its wrapped form for `account_keys`."""
        key = nacl.utils.random(KEY_SIZE)
        return key, self._account_key.seal(account_id, key)

    def data_key(self, account_id: bytes, wrapped: bytes) -> bytes:
        """The data key of an account; SealError when the row was tampered with or the ring is another."""
        return self._account_key.open(account_id, wrapped)

    def mac(self, fields: bytes) -> bytes:
        """Ring id (4) || BLAKE2b-256 keyed with the ring's `audit` key, over `fields`."""
        return self._mac_under(self._ring.newest.id, fields)

    def mac_holds(self, fields: bytes, mac: bytes) -> bool:
        """Whether `mac` was made here over these `fields`, under any entry of the ring."""
        known = any(mac[:RING_ID_SIZE] == entry.id for entry in self._ring.entries)
        return known and hmac.compare_digest(self._mac_under(mac[:RING_ID_SIZE], fields), mac)

    def _mac_under(self, ring_id: bytes, fields: bytes) -> bytes:
        key = self._ring.derive("audit", ring_id)
        return ring_id + blake2b(lp("blindage/audit/mac/v1") + fields, key=key, digest_size=32).digest()
