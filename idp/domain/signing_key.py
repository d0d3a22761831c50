"""The life of a signing key: next, active, retiring, retired (OIDC Core, section 10.1.1)."""

from dataclasses import dataclass
from enum import StrEnum

JWKS_MAX_AGE = 300
"""Seconds a verifier may cache the JWKS."""

PUBLISHED_BEFORE_USE = 2 * JWKS_MAX_AGE
"""Seconds a key stands in the JWKS before it signs: longer than any cache, for nodes learn of it seconds apart."""

LONGEST_TOKEN = 24 * 3600
"""Seconds the longest signed token lives; a retiring key stays published this long after its last use."""


class KeyState(StrEnum):
    """`next` is published and not yet used; `retiring` is published and no longer used; `retired` is neither."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key with its private part opened (PKCS #8 DER; sealed at rest). Times in epoch seconds."""

    kid: str
    alg: str
    private_der: bytes
    state: KeyState
    created_at: int
    activated_at: int | None = None
    retiring_at: int | None = None
    retired_at: int | None = None
