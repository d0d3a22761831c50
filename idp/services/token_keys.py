"""Keys of age tokens over their life: made ahead, logged, revoked; and the public log's signed head."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crypto.blind_rsa_keys import BlindRsaKey
from crypto.errors import MerkleError
from crypto.merkle import leaf_hash, root_of
from crypto.notes import (
    Checkpoint,
    Verifier,
    adopt_cosignature,
    open_checkpoint,
    sign_checkpoint,
    signature_count,
    verifier_of,
)
from idp.domain.age import Band
from idp.domain.age_token import KeyRole, TokenKey, epoch_of, epoch_start, wallet_files_leaf
from idp.domain.errors import Conflict, Refused
from idp.domain.ports import Store, Transaction

WITNESS_SECONDS = 24 * 3600
"""How long before its first use wallets and the door want a witness to have seen a key in the log."""

NOTICE_SECONDS = 2 * WITNESS_SECONDS
"""How long before its first use a key is logged: a day for the witnesses to come by, and then the day above."""

EPOCHS_AHEAD = 1


@dataclass(frozen=True, slots=True)
class KeyLog:
    """The log as it is published: leaves in order and the signed checkpoint with its cosignatures.

    `witnessed` are the notes of smaller sizes that a witness cosigned: they show since when a key has been there.
    """

    leaves: tuple[bytes, ...]
    note: str
    witnessed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogSigner:
    """Who signs the key log: `name` is its origin (issuer's host and path), `seed` an Ed25519 seed (32 bytes)."""

    name: str
    seed: bytes

    @property
    def verifier(self) -> Verifier:
        """The public half, which wallets, doors and witnesses are configured with."""
        return verifier_of(self.name, self.seed)


def ensure_token_keys(store: Store, now: int, notice: int) -> list[TokenKey]:
    """Make what is missing: primary and standby of each band, for this epoch and the next; the keys made.

    `notice` seconds pass between a key's logging and its use: only the very first keys feel it. An epoch that ends
    within the notice stays without keys.
    """
    present = {(key.band, key.epoch, key.role) for key in store.read(lambda tx: tx.token_keys.all())}
    made = []
    for epoch in range(epoch_of(now), epoch_of(now) + EPOCHS_AHEAD + 1):
        not_before = max(epoch_start(epoch), now + notice)
        if not_before >= epoch_start(epoch + 1):
            continue
        for band in Band:
            for role in KeyRole:
                if (band, epoch, role) not in present:
                    made.append(_make(store, band, epoch, role, not_before))
    return [key for key in made if key is not None]


def revoke_after_restore(store: Store, now: int) -> list[TokenKey]:
    """After the restore of a backup: revoke the primaries in use, so that no token spent since counts again.

    In use are those that sign, and those of the last epoch, whose tokens are still accepted.
    """
    revoked = []
    for key in store.read(lambda tx: tx.token_keys.all()):
        in_use = key.not_before <= now < key.accepted_until and key.revoked_at is None
        if key.role is KeyRole.PRIMARY and in_use:
            _write_log(store, lambda tx, key_id=key.key_id: tx.token_keys.revoke(key_id, now))  # type: ignore[misc]
            revoked.append(key)
    return revoked


def signing_key_of(keys: Sequence[TokenKey], band: Band, now: int) -> TokenKey | None:
    """The key that signs for a band at `now`: this epoch's primary, or its standby once the primary is revoked."""
    of_epoch = [key for key in keys if key.band is band and key.epoch == epoch_of(now) and key.revoked_at is None]
    usable = [key for key in of_epoch if key.not_before <= now]
    primary_revoked = any(
        key.band is band and key.epoch == epoch_of(now) and key.role is KeyRole.PRIMARY and key.revoked_at is not None
        for key in keys
    )
    wanted = KeyRole.STANDBY if primary_revoked else KeyRole.PRIMARY
    return next((key for key in usable if key.role is wanted), None)


def acceptable_keys(keys: Sequence[TokenKey], band: Band, now: int) -> list[TokenKey]:
    """Keys whose tokens are accepted at `now` or soon: the one in use first, then the next, then the last epoch's."""
    current = signing_key_of(keys, band, now)
    found = [] if current is None else [current]
    for epoch in (epoch_of(now), epoch_of(now) + 1, epoch_of(now) - 1):
        primaries = [k for k in keys if k.band is band and k.epoch == epoch and k.role is KeyRole.PRIMARY]
        standbys = [k for k in keys if k.band is band and k.epoch == epoch and k.role is KeyRole.STANDBY]
        alive = [k for k in primaries if k.revoked_at is None] or [k for k in standbys if k.revoked_at is None]
        found += [key for key in alive if key not in found and now < key.accepted_until]
    return found


def published_log(store: Store, signer: LogSigner) -> KeyLog:
    """The log with a note for its present size; the note is signed when the log has grown."""
    leaves, notes = store.read(_log)
    note = notes.pop(len(leaves), None)
    if note is None:
        fresh = sign_checkpoint(checkpoint_of(signer.name, leaves), signer.name, signer.seed)

        def unit(tx: Transaction) -> str:
            kept = tx.token_log.note(len(leaves))
            if kept is None:
                tx.token_log.keep_note(len(leaves), fresh)
            return kept or fresh

        note = store.write(unit, b"token-log")
    earlier = (notes[size] for size in sorted(notes, reverse=True) if size < len(leaves))
    return KeyLog(leaves, note, tuple(kept for kept in earlier if signature_count(kept) > 1))


def add_cosignature(store: Store, signer: LogSigner, cosigned: str, witness: Verifier) -> int:
    """Keep a witness's cosignature of the log at a size it has or had; that size.

    Refused when the note does not verify, is not this witness's, or is not of this log.
    """
    try:
        checkpoint, opened = open_checkpoint(cosigned, signer.verifier, [witness])
    except MerkleError as error:
        raise Refused("bad_cosignature", f"the note does not verify: {error}") from error
    if opened.signature_by(witness) is None:
        raise Refused("bad_cosignature", "the witness has not signed this note")
    leaves = published_log(store, signer).leaves
    size = checkpoint.size
    if size > len(leaves) or checkpoint != checkpoint_of(signer.name, leaves[:size]):
        raise Refused("bad_cosignature", "the note is not of this log")
    bare = sign_checkpoint(checkpoint, signer.name, signer.seed)

    def unit(tx: Transaction) -> None:
        kept = tx.token_log.note(size) or bare
        tx.token_log.keep_note(size, adopt_cosignature(kept, cosigned, witness))

    store.write(unit, b"token-log")
    return size


def log_wallet_files(store: Store, files: dict[str, str], now: int) -> bool:
    """Log the wallet's files (name -> base64url SHA-256) unless the newest such leaf says the same; whether it was."""

    def unit(tx: Transaction) -> bool:
        if newest_wallet_files(tx.token_log.leaves()) == files:
            return False
        tx.token_log.append(wallet_files_leaf(files, now))
        return True

    return _write_log(store, unit)


def newest_wallet_files(leaves: Sequence[bytes]) -> dict[str, str] | None:
    """What the newest `wallet-files` leaf says, None when there is none."""
    for leaf in reversed(leaves):
        entry = json.loads(leaf)
        if entry["type"] == "wallet-files":
            files: dict[str, str] = entry["files"]
            return files
    return None


def checkpoint_of(origin: str, leaves: Sequence[bytes]) -> Checkpoint:
    """The tree head of these leaves (RFC 6962, section 2.1)."""
    return Checkpoint(origin, len(leaves), root_of([leaf_hash(leaf) for leaf in leaves]))


def _log(tx: Transaction) -> tuple[tuple[bytes, ...], dict[int, str]]:
    # Leaves first: a note of a larger size than they have is passed over.
    return tuple(tx.token_log.leaves()), dict(tx.token_log.notes())


def _make(store: Store, band: Band, epoch: int, role: KeyRole, not_before: int) -> TokenKey | None:
    taken = {key.key_id[-1] for key in store.read(lambda tx: tx.token_keys.all())}
    fresh = BlindRsaKey.generate(frozenset(taken))
    key = TokenKey(
        key_id=fresh.public.token_key_id,
        band=band,
        epoch=epoch,
        role=role,
        spki=fresh.public.to_spki(),
        private_der=fresh.to_pkcs8(),
        not_before=not_before,
    )
    return key if _write_log(store, lambda tx: tx.token_keys.claim(key)) else None


def _write_log(store: Store, unit: Callable[[Transaction], bool]) -> bool:
    """Run a unit that appends to the log; whoever loses the race for a position takes the next one."""
    for _ in range(5):
        try:
            return store.write(unit, b"token-log")
        except Conflict:
            continue
    return store.write(unit, b"token-log")
