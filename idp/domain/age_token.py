"""Anonymous age tokens: epochs, keys and the records of their public log (RFC 9578; RFC 6962)."""

import json
from dataclasses import dataclass
from enum import StrEnum

from crypto.encoding import b64url_encode
from idp.domain.age import Band

EPOCH_SECONDS = 28 * 86400
"""One key per band and epoch; tokens of an epoch are accepted in that epoch and the next."""

QUOTA = 60
"""Tokens an account may have signed in an epoch, unless the operator says another number."""

QUOTA_MAX = 1_000_000
"""The largest such number: a count, not a way to switch counting off."""

TOKEN_TYPE = 0x0002

WALLET_CLIENT_ID = "wallet"
"""The wallet's client id at the account issuer: the same for everyone, so it is known and never registered anew."""

WALLET_BATCH = 32
"""Tokens a wallet fetches at a time: always as many, so that the number says nothing."""


class KeyRole(StrEnum):
    """`primary` signs; `standby` is logged ahead and takes over when the primary is revoked."""

    PRIMARY = "primary"
    STANDBY = "standby"


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A blind RSA key of one band and epoch. `key_id` = SHA-256 of `spki` (32 bytes); `private_der` sealed at rest.

    It signs from `not_before` to `not_after`; its tokens are accepted an epoch longer. `not_before` may lie after the
    start of the epoch for the very first keys: the log comes first. Epoch seconds.
    """

    key_id: bytes
    band: Band
    epoch: int
    role: KeyRole
    spki: bytes
    private_der: bytes
    not_before: int
    revoked_at: int | None = None

    @property
    def not_after(self) -> int:
        """When it signs no more: the end of its epoch."""
        return epoch_start(self.epoch + 1)

    @property
    def accepted_until(self) -> int:
        """When its tokens are accepted no more: the end of the next epoch."""
        return accepted_until(self.epoch)

    def leaf(self) -> bytes:
        """Its entry in the key log: canonical JSON (RFC 8785; only ASCII strings and integers stand in it)."""
        return canonical(
            {
                "type": "key",
                "token_type": TOKEN_TYPE,
                "band": self.band.value,
                "epoch": self.epoch,
                "role": self.role.value,
                "not_before": self.not_before,
                "not_after": self.not_after,
                "key": b64url_encode(self.spki),
                "key_id": b64url_encode(self.key_id),
            }
        )


def revoke_leaf(key_id: bytes, now: int) -> bytes:
    """The log entry that ends a key before its time and admits the standby of its band and epoch."""
    return canonical({"type": "revoke", "key_id": b64url_encode(key_id), "at": now})


def wallet_files_leaf(files: dict[str, str], now: int) -> bytes:
    """The log entry that names the wallet's files: name -> base64url SHA-256 of its bytes."""
    return canonical({"type": "wallet-files", "files": files, "at": now})


def canonical(document: object) -> bytes:
    """JSON with sorted keys and no spaces: RFC 8785 for what our leaves hold."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def epoch_of(now: int) -> int:
    """The epoch a moment lies in."""
    return now // EPOCH_SECONDS


def epoch_start(epoch: int) -> int:
    """The first second of an epoch."""
    return epoch * EPOCH_SECONDS


def accepted_until(epoch: int) -> int:
    """When tokens of an epoch are accepted no more: they count in that epoch and in the next."""
    return epoch_start(epoch + 2)
