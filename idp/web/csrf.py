"""Form tokens and the origin of a POST (RFC 9700, section 4.7; OWASP's synchronizer pattern without stored tokens)."""

import hashlib
import hmac
from dataclasses import dataclass

from crypto.encoding import b64url_encode, lp
from crypto.keyring import KeyRing

FIELD = "csrf"
_PERSON = b"blindage/csrf/v1"
_ACCEPTED_SITES = ("same-origin", "none")


@dataclass(frozen=True, slots=True)
class FormTokens:
    """Makes and checks the tokens of one browser.

    `browser` is the value of its cookie (32 bytes), `session` the stored id of its session, empty without one. A token
    is BLAKE2b under the ring's `cookie` keys: equal for equal input, so that two answers to equal forms are equal.
    """

    ring: KeyRing
    browser: bytes
    session: bytes

    def token(self, purpose: str, with_session: bool = True) -> str:
        """The token for the form that posts to the path `purpose`, 43 characters."""
        return self._token(self.ring.newest.id, purpose, with_session)

    def holds(self, token: str, purpose: str, with_session: bool = True) -> bool:
        """Whether a token was made for this browser, session and purpose, under any key of the ring."""
        given = token.encode()
        made = [self._token(entry.id, purpose, with_session).encode() for entry in self.ring.entries]
        return any([hmac.compare_digest(given, expected) for expected in made])

    def _token(self, ring_id: bytes, purpose: str, with_session: bool) -> str:
        bound = lp(self.browser, self.session if with_session else b"", purpose)
        digest = hashlib.blake2b(bound, digest_size=32, key=self.ring.derive("cookie", ring_id), person=_PERSON)
        return b64url_encode(digest.digest())


def from_own_page(origin: str | None, fetch_site: str | None, own_origin: str) -> bool:
    """Whether nothing says that a POST comes from a foreign page; the token must hold besides.

    Our own pages forbid the Referer, and browsers then send `Origin: null` even to the same origin (Fetch, "append a
    request Origin header"): so `null` counts as no answer, and Sec-Fetch-Site decides where the browser sends it.
    """
    if fetch_site is not None and fetch_site not in _ACCEPTED_SITES:
        return False
    return origin is None or origin in ("null", own_origin)
