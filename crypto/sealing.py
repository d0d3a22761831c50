"""Sealed values: short-lived ones under a ring key, records under an account's data key."""

from crypto import aead
from crypto.encoding import FIELD_MAX, lp
from crypto.errors import EncodingError, SealError
from crypto.keyring import RING_ID_SIZE, KeyRing, sealed_ad

# Records differ in length as names do; in steps of this size the length says little about the content.
RECORD_STEP = 128
_HEAD_SIZE = RING_ID_SIZE + aead.NONCE_SIZE


class Sealer:
    """Seals under the newest ring entry for one label of `keyring.LABELS` and opens under every entry.

    Keys and the fixed front of the associated data are prepared here: make a sealer once, not per request."""

    __slots__ = ("_entries", "_newest_front", "_newest_id", "_newest_key")

    def __init__(self, ring: KeyRing, label: str) -> None:
        """Derive the keys of `label`; KeyRingError for a label that is not on the list."""
        # Without its last field's length, the associated data of an empty caller's field is the fixed front.
        self._entries = {
            entry.id: (ring.derive(label, entry.id), sealed_ad(ring.issuer, label, entry.id, b"")[:-2])
            for entry in ring.entries
        }
        self._newest_id = ring.newest.id
        self._newest_key, self._newest_front = self._entries[ring.newest.id]

    def seal(self, plaintext: bytes, ad: bytes) -> bytes:
        """Ring id (4) || nonce (24) || ciphertext and tag (length of the plaintext + 16).

        The cipher's associated data is `keyring.sealed_ad`: issuer, label and ring id stand before the
        caller's `ad`, so that nothing opens at another issuer or for another purpose. EncodingError when `ad`
        is longer than 65,535 bytes."""
        return self._seal_with_nonce(plaintext, ad, aead.random_nonce())

    def _seal_with_nonce(self, plaintext: bytes, ad: bytes, nonce: bytes) -> bytes:
        bound = _bound(self._newest_front, ad)
        return self._newest_id + nonce + aead.encrypt(plaintext, bound, nonce, self._newest_key)

    def open(self, sealed: bytes, ad: bytes) -> bytes:
        """The plaintext; SealError for an unknown ring entry, other `ad`, issuer or label, changed bytes."""
        entry = self._entries.get(sealed[:RING_ID_SIZE])
        if entry is None:
            raise SealError("no ring entry opens this value")
        key, front = entry
        return aead.decrypt(sealed[_HEAD_SIZE:], _bound(front, ad), sealed[RING_ID_SIZE:_HEAD_SIZE], key)


def _bound(front: bytes, ad: bytes) -> bytes:
    if len(ad) > FIELD_MAX:
        raise EncodingError("field longer than 65535 bytes")
    return front + len(ad).to_bytes(2, "big") + ad


def seal_record(data_key: bytes, plaintext: bytes, ad: bytes) -> bytes:
    """Seal one column under a 32-byte data key: nonce (24) || ciphertext of the padded plaintext and tag.

    Padding is 0x80 and zeros (ISO/IEC 7816-4), at least one byte, to a multiple of 128. `ad` comes from
    `column_ad`."""
    return _seal_record_with_nonce(data_key, plaintext, ad, aead.random_nonce())


def _seal_record_with_nonce(data_key: bytes, plaintext: bytes, ad: bytes, nonce: bytes) -> bytes:
    padded = plaintext + b"\x80" + bytes(-(len(plaintext) + 1) % RECORD_STEP)
    return nonce + aead.encrypt(padded, ad, nonce, data_key)


def open_record(data_key: bytes, sealed: bytes, ad: bytes) -> bytes:
    """The inverse of `seal_record`; SealError for another key, row or column, or changed bytes."""
    padded = aead.decrypt(sealed[aead.NONCE_SIZE :], ad, sealed[: aead.NONCE_SIZE], data_key)
    plaintext = padded.rstrip(b"\0")
    # The tag has been checked: the padding is ours, and its form tells an attacker nothing.
    if len(padded) % RECORD_STEP or plaintext[-1:] != b"\x80":
        raise SealError("record is not padded")
    return plaintext[:-1]


def column_ad(issuer: str, table: str, column: str, row_id: bytes) -> bytes:
    """The place of a sealed column: a value moved to another row, column, table or issuer does not open."""
    return lp("blindage/column/v1", issuer, table, column, row_id)
