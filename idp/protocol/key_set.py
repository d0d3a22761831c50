"""The signing keys as the protocol uses them: a signer per algorithm and the published set (OIDC Core, 10.1)."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from crypto.jwk import PublicKey, SigningKey
from crypto.jwt import JwtSigner, check_claims
from idp.domain.signing_key import KeyState, StoredKey

RELOAD_SECONDS = 2
"""How old the loaded keys may be. Far below the time a key is published before use, so no node signs ahead."""

CLOCK_LEEWAY = 60
"""Seconds our own nodes' clocks may be apart."""

PUBLISHED = (KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRING)


@dataclass(frozen=True, slots=True)
class LoadedKeys:
    """Keys as they stood at `loaded_at` (epoch seconds)."""

    loaded_at: int
    signers: dict[str, JwtSigner]
    verifiers: tuple[PublicKey, ...]
    document: bytes


class KeySet:
    """Active signers and published public keys, read again from the store every two seconds at most."""

    def __init__(self, load: Callable[[], Sequence[StoredKey]], now: Callable[[], int]) -> None:
        self._load = load
        self._now = now
        self._lock = threading.Lock()
        self._keys: LoadedKeys | None = None
        self._made: dict[str, tuple[SigningKey, JwtSigner]] = {}

    def signer(self, alg: str) -> JwtSigner:
        """The signer of an algorithm (RS256, ES256, EdDSA)."""
        return self._current().signers[alg]

    def document(self) -> bytes:
        """The JWK Set (RFC 7517, section 5): public members, `kid`, `use`, `alg`, in order of `kid`."""
        return self._current().document

    def find(self, kid: str | None, alg: str) -> Sequence[PublicKey]:
        """Published keys for checking our own tokens, as `crypto.jwt.verify_jwt` asks for them."""
        return [key for key in self._current().verifiers if key.kid == kid and key.alg == alg]

    def _current(self) -> LoadedKeys:
        now = self._now()
        keys = self._keys
        if keys is not None and now - keys.loaded_at < RELOAD_SECONDS:
            return keys
        with self._lock:
            keys = self._keys
            if keys is None or now - keys.loaded_at >= RELOAD_SECONDS:
                keys = self._keys = self._read(now)
        return keys

    def _read(self, now: int) -> LoadedKeys:
        signers: dict[str, JwtSigner] = {}
        published: list[SigningKey] = []
        for stored in self._load():
            if stored.state not in PUBLISHED:
                continue
            if stored.kid not in self._made:
                key = SigningKey.from_bytes(stored.alg, stored.kid, stored.private_der)
                self._made[stored.kid] = key, JwtSigner(key)
            key, signer = self._made[stored.kid]
            published.append(key)
            if stored.state is KeyState.ACTIVE:
                signers[stored.alg] = signer
        # Sorted by kid: the order tells nothing and is the same on every node.
        published.sort(key=lambda key: key.kid)
        document = orjson.dumps({"keys": [key.public_jwk() for key in published]})
        return LoadedKeys(now, signers, tuple(key.public_key() for key in published), document)


def check_once_valid(claims: Mapping[str, Any], *, now: int, issuer: str, audience: str | None) -> None:
    """Check the claims of a token of ours that may have expired since; JwtError when it never was valid.

    It must carry an `exp` that is a time, whichever. `audience` None: not compared.
    """
    check_claims({"exp": claims.get("exp")}, now=0, issuer=None, audience=None)
    lasting = {name: value for name, value in claims.items() if name != "exp"}
    check_claims(lasting, now=now, issuer=issuer, audience=audience, leeway=CLOCK_LEEWAY, require_exp=False)
