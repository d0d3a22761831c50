"""Signing keys over their life, and the fixed keys of a realm (OIDC Core, section 10.1.1)."""

import secrets

from crypto.jwk import SigningKey
from crypto.keyring import KeyRing, unwrap_key, wrap_key
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.clock import Clock
from idp.domain.identifiers import new_id
from idp.domain.ports import Store, Transaction
from idp.domain.signing_key import LONGEST_TOKEN, PUBLISHED_BEFORE_USE, KeyState, StoredKey
from idp.services.realm import FixedKeys

ALGORITHMS = ("RS256", "ES256", "EdDSA")
FIXED_KEY_BYTES = 32


def fixed_keys(store: Store, ring: KeyRing) -> FixedKeys:
    """The pairwise, dedup and username keys: made once, stored wrapped by the ring; any process may be first."""
    return FixedKeys(
        pairwise=fixed_key(store, ring, "pairwise"),
        dedup=fixed_key(store, ring, "dedup"),
        username=fixed_key(store, ring, "username"),
    )


def ensure_signing_keys(store: Store, clock: Clock) -> None:
    """See to it that each algorithm has an active key; for a new issuer there is nobody who could have cached."""
    present = {key.alg for key in store.read(lambda tx: tx.keys.signing_keys()) if key.state is KeyState.ACTIVE}
    missing = [SigningKey.generate(alg) for alg in ALGORITHMS if alg not in present]
    now = clock.now()

    def unit(tx: Transaction) -> None:
        active = {key.alg for key in tx.keys.signing_keys() if key.state is KeyState.ACTIVE}
        for key in missing:
            # Two nodes that start together both see no key: the name's unique row lets one of them make it.
            if key.alg not in active and tx.keys.claim_meta(f"first-key/{key.alg}", key.kid):
                _add(tx, key, KeyState.ACTIVE, now)

    if missing:
        store.write(unit, b"signing-keys")


def publish_next(store: Store, clock: Clock, alg: str) -> str:
    """Publish a fresh `next` key of an algorithm unless one waits already; returns its kid."""
    fresh = SigningKey.generate(alg)
    now = clock.now()

    def unit(tx: Transaction) -> str:
        keys = [key for key in tx.keys.signing_keys() if key.alg == alg]
        for key in keys:
            if key.state is KeyState.NEXT:
                return key.kid
        for key in keys:
            # Of two nodes that are due at once one publishes: a key has one successor.
            name = f"successor/{key.kid}"
            if key.state is KeyState.ACTIVE and not tx.keys.claim_meta(name, fresh.kid):
                return tx.keys.meta(name) or fresh.kid
        _add(tx, fresh, KeyState.NEXT, now)
        return fresh.kid

    return store.write(unit, b"signing-keys")


def rotate_now(store: Store, clock: Clock, by: bytes | None = None) -> list[str]:
    """Publish a successor for every algorithm, and do what is due; the kids that are published and wait.

    `by` is the member of staff who orders it, for the trail.
    """
    now = clock.now()
    advance(store, clock)
    if by is not None:
        order = AuditEvent(new_id(now), now, AuditKind.KEY_ROTATION_ORDERED, None, None, by.hex())
        store.write(lambda tx: tx.audit.append(order), b"signing-keys")
    return [publish_next(store, clock, alg) for alg in ALGORITHMS]


ROTATE_AFTER = 90 * 86400
"""Seconds a key signs before the schedule publishes its successor."""


def schedule(store: Store, clock: Clock, rotate_after: int = ROTATE_AFTER) -> list[str]:
    """Publish a successor for each key that has signed long enough; the kids published or waiting."""
    now = clock.now()
    keys = store.read(lambda tx: tx.keys.signing_keys())
    due = [
        key.alg
        for key in keys
        if key.state is KeyState.ACTIVE and now >= (key.activated_at or key.created_at) + rotate_after
    ]
    return [publish_next(store, clock, alg) for alg in due]


def advance(
    store: Store, clock: Clock, published_for: int = PUBLISHED_BEFORE_USE, kept_for: int = LONGEST_TOKEN
) -> list[str]:
    """Do what is due: `next` published long enough becomes active, the old one retiring, later retired.

    `published_for` and `kept_for` in seconds; returns the kids that moved.
    """
    now = clock.now()

    def unit(tx: Transaction) -> list[str]:
        moved: list[str] = []
        keys = tx.keys.signing_keys()
        for key in keys:
            if key.state is KeyState.NEXT and now >= key.created_at + published_for:
                for old in keys:
                    if old.alg == key.alg and old.state is KeyState.ACTIVE:
                        tx.keys.move(old.kid, KeyState.ACTIVE, KeyState.RETIRING, now)
                        moved.append(old.kid)
                if tx.keys.move(key.kid, KeyState.NEXT, KeyState.ACTIVE, now):
                    _audit(tx, AuditKind.KEY_ACTIVATED, key.kid, now)
                    moved.append(key.kid)
            elif key.state is KeyState.RETIRING and now >= (key.retiring_at or now) + kept_for:
                if tx.keys.move(key.kid, KeyState.RETIRING, KeyState.RETIRED, now):
                    _audit(tx, AuditKind.KEY_RETIRED, key.kid, now)
                    moved.append(key.kid)
        return moved

    return store.write(unit, b"signing-keys")


def _add(tx: Transaction, key: SigningKey, state: KeyState, now: int) -> None:
    activated_at = now if state is KeyState.ACTIVE else None
    tx.keys.add_signing_key(
        StoredKey(key.kid, key.alg, key.to_sealed_bytes(), state, created_at=now, activated_at=activated_at)
    )
    _audit(tx, AuditKind.KEY_MADE, key.kid, now)


def _audit(tx: Transaction, kind: AuditKind, kid: str, now: int) -> None:
    tx.audit.append(AuditEvent(new_id(now), now, kind, None, None, kid))


def fixed_key(store: Store, ring: KeyRing, name: str) -> bytes:
    """One such key by name (32 bytes), made if it is not there yet."""
    wrapped = store.read(lambda tx: tx.keys.wrapped(name))
    if wrapped is None:
        fresh = wrap_key(ring, name, secrets.token_bytes(FIXED_KEY_BYTES))

        def unit(tx: Transaction) -> bytes:
            tx.keys.claim_wrapped(name, fresh)
            return tx.keys.wrapped(name) or fresh

        wrapped = store.write(unit, name.encode())
    return unwrap_key(ring, name, wrapped)
