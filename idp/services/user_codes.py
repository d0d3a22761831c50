"""User codes of devices: drawn at random, and looked up under limits (RFC 8628, sections 5.1 and 6.1).

A code has 34.6 bits and lives ten minutes. In any ten minutes a browser gets five wrong ones, a network five, and all
together 500: they hit one given device once in 51 million times, and any of a thousand that wait once in 51,000. The
counters lie in the database, so that neither a restart nor another node forgets them.
"""

import secrets
from hashlib import blake2b

from crypto.encoding import lp
from idp.domain.device_grant import LIFETIME_SECONDS, USER_CODE_ALPHABET, USER_CODE_LENGTH, DeviceGrant
from idp.domain.errors import Refused
from idp.domain.network import network
from idp.domain.ports import Transaction
from idp.services.realm import Realm

TRIES = 5
"""Wrong codes of one browser, and of one network, in ten minutes."""

TRIES_OF_ALL = 500
"""Wrong codes of everybody in ten minutes: past that nobody is served, since somebody guesses from many places."""

WINDOW_SECONDS = LIFETIME_SECONDS

# BLAKE2 personalisation is 16 bytes: one string each, so that uses part even under one key.
_INDEX_PERSON = b"blindage-usercod"
_NETWORK_PERSON = b"blindage-network"


def draw_user_code() -> str:
    """A fresh user code of eight letters."""
    return "".join(secrets.choice(USER_CODE_ALPHABET) for _ in range(USER_CODE_LENGTH))


def user_code_index(realm: Realm, code: str) -> bytes:
    """What is stored of a user code, 32 bytes. Keyed: 34 bits without a key would be tried out in a minute."""
    message = lp("blindage/user-code/v1", code)
    return blake2b(message, digest_size=32, key=realm.keys.username, person=_INDEX_PERSON).digest()


def network_digest(realm: Realm, address: str) -> bytes:
    """A name of 16 bytes for the network of an address, by which two addresses compare. Keyed, for the same reason."""
    message = lp("blindage/network/v1", network(address))
    return blake2b(message, digest_size=16, key=realm.keys.username, person=_NETWORK_PERSON).digest()


def find_by_user_code(realm: Realm, code: str, browser: bytes, address: str) -> DeviceGrant | None:
    """The device that waits under a code (as `read_user_code` returns it), or None, which counts as a wrong try.

    `browser` is the secret of the browser's cookie. Refused `too_many_tries` before the code is looked at.
    """
    now = realm.clock.now()
    index = user_code_index(realm, code)
    window = now - now % WINDOW_SECONDS
    # The counter of all comes first: whoever else counts waits there, and so nobody waits for each other.
    limits = {
        b"user-code/all": TRIES_OF_ALL,
        b"user-code/network:" + network_digest(realm, address): TRIES,
        b"user-code/browser:" + blake2b(browser, digest_size=16).digest(): TRIES,
    }

    def unit(tx: Transaction) -> tuple[bool, DeviceGrant | None]:
        # Counted before the look-up, and taken back unless it was wrong: of tries made at once none slips through.
        within = [_counted(tx, counter, window) <= limit for counter, limit in limits.items()]
        found = tx.device_grants.by_user_code(index) if all(within) else None
        right = found is not None and found.open_at(now)
        if right or not all(within):
            for counter in limits:
                tx.attempts.take_back(counter, window)
        return all(within), found if right else None

    allowed, found = realm.store.write(unit, b"user-code")
    if not allowed:
        raise Refused("too_many_tries", "too many wrong codes; try again later")
    return found


def _counted(tx: Transaction, counter: bytes, window: int) -> int:
    """One more try; how many there are in this window and the one before, so that no ten minutes see more."""
    earlier = tx.attempts.count(counter, window - WINDOW_SECONDS)
    return earlier + tx.attempts.add(counter, window, window + 2 * WINDOW_SECONDS)
