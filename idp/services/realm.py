"""The realm: one issuer with its keys, policy, store and clock. Every service function works in one."""

from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from crypto.keyring import KeyRing
from idp.domain.age_token import QUOTA
from idp.domain.clock import Clock
from idp.domain.curfew import Curfew
from idp.domain.errors import Refused
from idp.domain.offer import ACCOUNT_OFFER, Offer
from idp.domain.policy import Policy
from idp.domain.ports import KnownPasswords, Store
from idp.domain.redirect_uri import is_loopback_host
from idp.services.password_work import PasswordWork


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """Keys that are random once and never change (32 bytes each), so that pseudonyms and indexes stay."""

    pairwise: bytes
    dedup: bytes
    username: bytes


class _NoKeys:
    def __getattr__(self, name: str) -> NoReturn:
        raise Refused("not_here", "this side keeps no people, and nothing to name or find them by")


NO_KEYS: Any = _NoKeys()
"""The door's, in place of `FixedKeys`: whoever asks for one is refused in words."""


@dataclass(frozen=True, slots=True)
class Realm:
    """Who we are and what we work with. `issuer` is the exact `iss` (OIDC Discovery, section 3)."""

    issuer: str
    ring: KeyRing
    keys: FixedKeys
    policy: Policy
    curfew: Curfew
    store: Store
    clock: Clock
    passwords: PasswordWork
    known_passwords: KnownPasswords
    offer: Offer = ACCOUNT_OFFER
    token_quota: int = QUOTA

    @property
    def thresholds(self) -> tuple[int, ...]:
        """The ages apps may test here."""
        return self.policy.thresholds if self.offer.thresholds is None else self.offer.thresholds

    @property
    def loopback(self) -> bool:
        """Whether the issuer is this machine: then http and loopback redirect URIs are allowed."""
        return is_loopback_host(urlsplit(self.issuer).hostname)
