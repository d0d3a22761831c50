"""Consent: what a person agreed that one app may learn, at one version of the app's manifest."""

from dataclasses import dataclass
from enum import StrEnum


class Giver(StrEnum):
    """Who agreed: the person, or for a child under the consent age the guardian."""

    SELF = "self"
    GUARDIAN = "guardian"


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's agreement for one client. `id` and `account_id` 16 bytes; times in epoch seconds."""

    id: bytes
    account_id: bytes
    client_id: str
    scope: frozenset[str]
    claims: frozenset[str]
    manifest_version: int
    giver: Giver
    created_at: int
    withdrawn_at: int | None = None

    def covers(self, scope: frozenset[str], claims: frozenset[str], manifest_version: int) -> bool:
        """Whether a request asks nothing beyond this consent (OIDC Core, section 3.1.2.4)."""
        return (
            self.withdrawn_at is None
            and scope <= self.scope
            and claims <= self.claims
            and self.manifest_version >= manifest_version
        )
