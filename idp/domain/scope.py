"""Scopes and claims that exist here; all others are dropped, and the response's `scope` says so (RFC 6749, 3.3)."""

OPENID = "openid"
AGE = "age"
OFFLINE_ACCESS = "offline_access"
AGE_TOKENS = "age_tokens"

SCOPES = (OPENID, AGE, OFFLINE_ACCESS, AGE_TOKENS)
"""Every scope of the account issuer. `profile`, `email`, `phone`, `address` are not among them, on purpose."""

AGE_BAND = "age_band"
AGE_THRESHOLDS = "age_thresholds"
AGE_ASSURANCE = "age_assurance"
AGE_OVER_PREFIX = "age_over_"


def parse_scope(text: str | None) -> frozenset[str]:
    """The words of a `scope` parameter; order and repetition mean nothing (RFC 6749, section 3.3)."""
    return frozenset((text or "").split(" ")) - {""}


def format_scope(scope: frozenset[str]) -> str:
    """A `scope` value in one fixed order, so that its spelling carries nothing."""
    return " ".join(word for word in SCOPES if word in scope)
