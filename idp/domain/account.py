"""An account: one person known to the issuer by a username, a password and an age state, nothing more."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from idp.domain.age import AgeState, Assurance


class AccountState(StrEnum):
    """`locked` refuses sign-in and every redemption; `suspended` is a child without an active guardian."""

    ACTIVE = "active"
    LOCKED = "locked"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class AgeRecord:
    """What evidence left behind: an age state and how well it was established (IEEE 2089.1). Sealed at rest."""

    state: AgeState
    assurance: Assurance

    def assurance_at(self, now: int) -> Assurance:
        """The assurance in force at `now`: a correction brings its own when it takes effect."""
        return self.state.assurance_at(now, self.assurance)

    def serialize(self) -> bytes:
        """Bytes for sealing: rank of the assurance (1), then the state."""
        return bytes([self.assurance.rank]) + self.state.serialize()


# Ages are rounded to public dates, so that few distinct ones exist: parsing is paid once for each.
@lru_cache(maxsize=8192)
def parse_age_record(data: bytes) -> AgeRecord | None:
    """The inverse of `AgeRecord.serialize`; None for no bytes, which stand for an unknown age. AgeError when torn."""
    if not data:
        return None
    assurance = next(level for level in Assurance if level.rank == data[0])
    return AgeRecord(AgeState.parse(data[1:]), assurance)


@dataclass(frozen=True, slots=True)
class Account:
    """One person's account, opened. Sealed at rest: `username`, `salt`, `age`, `contact`, `dedup_index`, links.

    `id` 16 bytes, never leaves the issuer; `salt` 32 bytes, feeds the pairwise subject; `username_index`
    32 bytes (keyed BLAKE2b); `password_hash` Argon2id in PHC form; `guardians` and `children` are account ids
    of 16 bytes; a `tester` may sign in to clients that are not reviewed yet; `age_version` (16 bytes) is another after
    every change of `age`; times in epoch seconds.
    """

    id: bytes
    username: str
    username_index: bytes
    password_hash: str
    salt: bytes
    state: AccountState
    created_at: int
    age: AgeRecord | None = None
    contact: str | None = None
    dedup_index: bytes | None = None
    tester: bool = False
    guardians: tuple[bytes, ...] = ()
    children: tuple[bytes, ...] = ()
    age_version: bytes = field(default=b"", compare=False)

    @property
    def usable(self) -> bool:
        """Whether the account may sign in and redeem what was granted."""
        return self.state is AccountState.ACTIVE
