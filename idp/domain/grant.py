"""A grant: one row for each code exchange. It stands for all access and refresh tokens made from it."""

from dataclasses import dataclass

from idp.domain.account import AccountState, AgeRecord
from idp.domain.age import Band
from idp.domain.client import Client, ClientState
from idp.domain.value import value

REFRESH_GRACE_SECONDS = 30


@value
class Grant:
    """What a client may keep doing for a person. `subject` and `claims_request` are sealed at rest.

    `id` 16 bytes, `account_id` 16 bytes, `session_id` 32 bytes; `generation` counts refresh rotations; `acr` is the
    level that was established; `auth_time_asked` says whether ID tokens show `auth_time`; `offline` outlives the
    session; `jkt` the DPoP key it is bound to (RFC 9449, section 6). `band` is the door's: there a token's band stands
    in place of account, consent and session, which are empty. Times in epoch seconds.
    """

    id: bytes
    account_id: bytes
    client_id: str
    session_id: bytes | None
    consent_id: bytes
    subject: str
    scope: frozenset[str]
    claims_request: str
    auth_time: int
    shown_auth_time: int | None
    sid: str | None
    acr: str | None
    offline: bool
    jkt: str | None
    resource: tuple[str, ...]
    created_at: int
    expires_at: int
    generation: int = 0
    rotated_at: int | None = None
    revoked_at: int | None = None
    band: Band | None = None


@value
class Standing:
    """Everything that must hold at the moment a token is made or used: read in one go, decided by `serves`.

    `agreed` is there at a code's exchange: a code may be older than the consent that holds by now.
    """

    account_state: AccountState | None
    consent_active: bool
    age: AgeRecord | None
    session_alive: bool = True
    tester: bool = False
    agreed: "Agreed | None" = None

    @property
    def live(self) -> bool:
        """Whether account, consent and (unless offline) session are alive."""
        return self.account_state is AccountState.ACTIVE and self.consent_active and self.session_alive

    def serves(self, client: Client) -> bool:
        """Whether all of that holds, and the client is open to this person: before its review to testers only."""
        return self.live and (client.state is ClientState.ACTIVE or (client.usable and self.tester))


@value
class Claim:
    """A grant to be opened if what its code saw holds: account active, age unchanged, consent open, session alive.

    `age_version` is `Account.age_version` as the code carries it (16 bytes).
    """

    grant: Grant
    age_version: bytes


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the person's own living consent covers, where a code is exchanged."""

    consent_id: bytes
    scope: frozenset[str]
    claims: frozenset[str]
