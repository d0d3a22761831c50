"""A gate for apps and devices without a sign-in: an age token in the request's header, checked here, off line.

Made to be copied: some 40 lines on `cryptography` and `requests`, nothing of this project. The standards are
RFC 9577 (the header) and RFC 9578 (the token). Order is security; what fails before step 5 leaves the token unspent:
 1 one whole token in the header   2 it answers our challenge   3 its key is the issuer's, and live
 4 the key has signed it           5 it is spent here, once
The issuer is asked for its directory now and then, and never about a token; while it is away the last one serves on.
"""

import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import cast

import requests
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_der_public_key

DIRECTORY = "/.well-known/private-token-issuer-directory"
REFRESH_SECONDS, RETRY_SECONDS = 300, 5
"""How long the issuer is left alone after it was asked: with its keys at hand, and before it has told any."""
EPOCH_SECONDS = 28 * 86400
"""Tokens count in the epoch of their key and in the next."""

_PADDING = PSS(MGF1(SHA384()), salt_length=48)
# 354 bytes of token are 472 characters: never any padding, and no second way to write them.
_CREDENTIALS = re.compile(r'PrivateToken +token[ \t]*=[ \t]*("?)([A-Za-z0-9_-]{472})\1', re.IGNORECASE | re.ASCII)


class PrivateTokenGate:
    """The gate of one origin. Names are hosts, with the port if it is not 443; `issuer` is the issuer's address.

    `spend(nonce, until)` is the app's: True once for each nonce (32 bytes), which it keeps until then (epoch seconds).
    """

    def __init__(
        self, issuer: str, issuer_name: str, origin_name: str, spend: Callable[[bytes, int], bool],
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._directory, self._spend, self._now = issuer + DIRECTORY, spend, now
        # RFC 9577, 2.1.1: type 2, who issues, no redemption_context, since tokens are fetched ahead; who accepts.
        names = [len(name).to_bytes(2, "big") + name.encode("ascii") for name in (issuer_name, origin_name)]
        self.challenge = b"\0\2" + names[0] + b"\0" + names[1]
        self._keys: dict[bytes, tuple[RSAPublicKey, int, int, bytes]] = {}
        self._refresh_at = 0.0

    def admits(self, authorization: str | None) -> bool:
        """Whether this `Authorization` header holds a token that is good here; then it is spent."""
        found = _CREDENTIALS.fullmatch(authorization or "")  # 1
        token = urlsafe_b64decode(found[2]) if found else b""
        if token[:2] != b"\0\2" or token[34:66] != sha256(self.challenge).digest():  # 2
            return False
        key, begins, ends, _ = self.keys().get(token[66:98], (None, 0, 0, b""))  # 3
        if key is None or not begins <= self._now() < ends:
            return False
        try:
            key.verify(token[98:], token[:98], _PADDING, SHA384())  # 4
        except InvalidSignature:
            return False
        return self._spend(token[2:34], ends)  # 5

    def www_authenticate(self) -> str | None:
        """The header that asks for a token (RFC 9577, section 2.1.2), with the key in use; None while there is none."""
        in_use = [(begins, spki) for _, begins, _, spki in self.keys().values() if begins <= self._now()]
        if not in_use:
            return None
        challenge, token_key = (urlsafe_b64encode(value).decode() for value in (self.challenge, max(in_use)[1]))
        return f'PrivateToken challenge="{challenge}", token-key="{token_key}"'

    def keys(self) -> dict[bytes, tuple[RSAPublicKey, int, int, bytes]]:
        """What the directory last listed: key, first use, end and encoding of each by its id. Empty: never seen."""
        if (now := self._now()) >= self._refresh_at:
            # First, so that others go on with what there is, and knocking while there is nothing costs nobody a wait.
            self._refresh_at = now + (REFRESH_SECONDS if self._keys else RETRY_SECONDS)
            try:
                listed = requests.get(self._directory, timeout=5, allow_redirects=False).json()["token-keys"]
                self._keys = dict(_read(key) for key in listed if key["token-type"] == 2)
            except (requests.RequestException, LookupError, TypeError, ValueError, UnsupportedAlgorithm):
                pass
        return self._keys


def _read(listed: dict[str, str]) -> tuple[bytes, tuple[RSAPublicKey, int, int, bytes]]:
    spki, begins = urlsafe_b64decode(listed["token-key"]), int(listed["not-before"])
    key = cast(RSAPublicKey, load_der_public_key(spki))  # what else has token type 2
    return sha256(spki).digest(), (key, begins, (begins // EPOCH_SECONDS + 2) * EPOCH_SECONDS, spki)
