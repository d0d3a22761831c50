"""Identifiers of rows: 16 bytes, four of coarse time in front so that new rows lie together on disk."""

import secrets

ID_BYTES = 16
_TIME_BYTES = 4


def new_id(now: int) -> bytes:
    """A fresh row id: `now` (epoch seconds, 4 bytes big-endian) and 12 random bytes (96 bits)."""
    return now.to_bytes(_TIME_BYTES, "big") + secrets.token_bytes(ID_BYTES - _TIME_BYTES)
