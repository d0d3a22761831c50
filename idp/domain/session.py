"""A browser session at the issuer. The cookie carries a random secret; the row knows only its digest."""

import hashlib
from dataclasses import dataclass

from crypto.encoding import b64url_encode, lp

SESSION_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `id` = SHA-256 of the cookie's secret (32 bytes); `sid_seed` 16 random bytes.

    `auth_time` is the moment of the last real authentication; times in epoch seconds; `amr` after RFC 8176.
    """

    id: bytes
    account_id: bytes
    auth_time: int
    created_at: int
    expires_at: int
    amr: tuple[str, ...]
    sid_seed: bytes
    revoked_at: int | None = None

    def alive(self, now: int) -> bool:
        """Whether the session may be used at `now`."""
        return self.revoked_at is None and now < self.expires_at

    def sid(self, client_id: str) -> str:
        """`sid` of this session at one client (OIDC Back-Channel Logout, section 2.1), 22 characters.

        Two clients get unrelated values, so that a `sid` joins nobody.
        """
        digest = hashlib.blake2b(lp("blindage/sid/v1", client_id), digest_size=16, key=self.sid_seed)
        return b64url_encode(digest.digest())


def session_id(cookie_secret: bytes) -> bytes:
    """The stored name of a session: SHA-256 of the cookie's secret."""
    return hashlib.sha256(cookie_secret).digest()
