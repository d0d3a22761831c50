"""What the domain needs from outside: stores, one Protocol per aggregate, and the transaction that joins them.

Conventions: a look-up returns the thing or None, never raises for absence. A method named `claim_...` is one SQL
statement that says whether this caller won. Methods raise `Conflict` on a unique key and `Unavailable` when the
database cannot answer. Only `Store.write` may change anything.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from idp.domain.account import Account, AccountState, AgeRecord
from idp.domain.age_token import TokenKey
from idp.domain.audit_event import AuditEvent
from idp.domain.client import Client, ClientState
from idp.domain.consent import Consent
from idp.domain.device_grant import DeviceGrant, Poll
from idp.domain.grant import Grant, Standing
from idp.domain.passkey import Passkey
from idp.domain.presentation import Presentation
from idp.domain.session import Session
from idp.domain.signing_key import KeyState, StoredKey

T = TypeVar("T")


class Accounts(Protocol):
    """Accounts, sealed under a data key each; deleting removes the data key first (crypto-shredding)."""

    def add(self, account: Account) -> None:
        """Insert with a fresh data key. Conflict when the username index exists."""
        ...

    def get(self, account_id: bytes) -> Account | None: ...

    def by_username(self, username_index: bytes) -> Account | None: ...

    def set_password(self, account_id: bytes, password_hash: str) -> bool: ...

    def set_state(self, account_id: bytes, state: AccountState) -> bool: ...

    def set_age(self, account_id: bytes, age: AgeRecord) -> bool: ...

    def set_links(self, account_id: bytes, guardians: tuple[bytes, ...], children: tuple[bytes, ...]) -> bool:
        """Replace the sealed guardian links; call inside `write` after `get`, which locks the row there."""
        ...

    def claim_dedup_index(self, account_id: bytes, index: bytes) -> bool:
        """Record a de-duplication index (no account id beside it) and seal it in the account; False when taken."""
        ...

    def delete(self, account_id: bytes) -> bool:
        """Destroy the data key, empty the grants, then delete the rows of the account, its sessions and consents.

        Who has to be told must be read before. The emptied grants stay until they expire: they keep their codes
        spent. The caller closes them.
        """
        ...

    def page(self, after: bytes, limit: int) -> Sequence[Account]: ...


class Sessions(Protocol):
    """Browser sessions, server-side and revocable."""

    def add(self, session: Session) -> None: ...

    def get(self, session_id: bytes) -> Session | None: ...

    def of_account(self, account_id: bytes) -> Sequence[Session]: ...

    def revoke(self, session_id: bytes, now: int) -> bool:
        """Revoke once; also revokes the grants of the session that are not `offline`."""
        ...

    def revoke_others(self, account_id: bytes, keep: bytes | None, now: int) -> int: ...


class RecoveryCodes(Protocol):
    """Digests of the codes that stand in for a lost password; each works once."""

    def replace(self, account_id: bytes, digests: Sequence[bytes]) -> None:
        """Forget every code of an account and store these, which have no end."""
        ...

    def add(self, account_id: bytes, digest: bytes, expires_at: int) -> None:
        """Store one code beside those that are there. Conflict when the digest exists."""
        ...

    def claim(self, username_index: bytes, digest: bytes, now: int) -> bytes | None:
        """Spend a code of the usable account of a name, in one statement; the account's id for the first caller only.

        None alike, and for the same work, whether there is no such account or no such code.
        """
        ...

    def remaining(self, account_id: bytes) -> int:
        """How many codes without an end an account has left."""
        ...


class Passkeys(Protocol):
    """Public halves of what people sign in with; `id` is the digest of a credential id."""

    def add(self, passkey: Passkey) -> None:
        """Insert. Conflict when the credential exists, on whatever account, or the account is gone."""
        ...

    def get(self, passkey_id: bytes) -> Passkey | None: ...

    def of_account(self, account_id: bytes) -> Sequence[Passkey]:
        """An account's passkeys, the oldest first."""
        ...

    def claim_use(self, passkey_id: bytes, sign_count: int) -> bool:
        """Record a use, in one statement; False unless the counter went up, or the authenticator never counts."""
        ...

    def remove(self, account_id: bytes, passkey_id: bytes) -> bool: ...


class Clients(Protocol):
    """Registered clients. `get` may be answered from a cache at most 3 s old."""

    def add(self, client: Client) -> None: ...

    def get(self, client_id: str) -> Client | None: ...

    def current(self, client_id: str) -> Client | None:
        """As `get`, but as the database has it now: for those who go on to change it."""
        ...

    def replace(self, client: Client, expected_version: int) -> bool:
        """Store `client` with version expected+1 if the stored version still is `expected_version`."""
        ...

    def set_state(self, client_id: str, state: ClientState) -> bool: ...

    def delete(self, client_id: str) -> bool: ...

    def page(self, after: str, limit: int) -> Sequence[Client]: ...

    def of_sector(self, sector: str) -> Sequence[Client]: ...


class Consents(Protocol):
    """Consents; at most one active per (account, client, giver)."""

    def give(self, consent: Consent) -> None:
        """Insert, closing an older active one of the same account, client and giver in the same transaction.

        Grants made under the older consent move to the new one when it covers as much; the caller says nothing.
        """
        ...

    def active(self, account_id: bytes, client_id: str) -> Sequence[Consent]: ...

    def of_account(self, account_id: bytes) -> Sequence[Consent]: ...

    def withdraw(self, account_id: bytes, client_id: str, now: int) -> int:
        """Close all active consents of the pair and revoke their grants; returns how many consents closed."""
        ...

    def standing(self, account_id: bytes, client_id: str, session_id: bytes | None, now: int) -> Standing:
        """Hot path, one SELECT: account state, whether a consent of the pair is active, the age record, the session."""
        ...


class Grants(Protocol):
    """Grants. A grant bears the id of the code it came from: one key says that it stands and that it is spent."""

    def claim_code(self, grant: Grant) -> bool:
        """Spend the code `grant.id` by inserting its grant: exactly one caller ever gets True (RFC 6749, 4.1.2).

        The grant that a replayed code led to (RFC 9700, section 4.5) is the one of the same id: `revoke` it.
        """
        ...

    def get(self, grant_id: bytes) -> Grant | None:
        """The grant; without `subject`, `scope` and the like when its account has been deleted."""
        ...

    def with_standing(self, grant_id: bytes, now: int) -> tuple[Grant, Standing] | None:
        """Hot path, one SELECT: the grant and all that must hold when it is used."""
        ...

    def claim_rotation(self, grant_id: bytes, generation: int, now: int) -> bool:
        """Rotate a refresh token: `generation` + 1 if it still is `generation` and the grant is not revoked."""
        ...

    def revoke(self, grant_id: bytes, now: int) -> bool: ...

    def of_account(self, account_id: bytes) -> Sequence[Grant]: ...

    def of_session(self, session_id: bytes) -> Sequence[Grant]: ...

    def revoke_of_account(self, account_id: bytes, now: int) -> int: ...

    def revoke_of_client(self, client_id: str, now: int) -> int: ...


class DeviceGrants(Protocol):
    """Device authorizations (RFC 8628), from the device's request until ten minutes after their end."""

    def add(self, grant: DeviceGrant) -> bool:
        """Insert; False when one of its codes is taken: draw others."""
        ...

    def get(self, grant_id: bytes) -> DeviceGrant | None: ...

    def by_user_code(self, user_code: bytes) -> DeviceGrant | None: ...

    def poll(self, device_code: bytes, client_id: str, now: int) -> Poll | None:
        """Count a poll, in one statement: while nobody has answered, one that comes too soon lengthens the interval.

        None for a code that is unknown or another client's: nobody disturbs a device that is not theirs.
        """
        ...

    def claim_answer(self, answered: DeviceGrant, now: int) -> bool:
        """Store a person's answer (approved or denied) if none stands yet and time is not over."""
        ...

    def claim_redeemed(self, grant_id: bytes, now: int) -> bool:
        """Spend an approved code: exactly one caller ever gets True (RFC 8628, section 3.4)."""
        ...


class Spent(Protocol):
    """Markers of one-time values other than codes: `kind` is a short word (dpop, assertion, par, reset ...)."""

    def claim(self, kind: str, value: bytes, expires_at: int) -> bool:
        """Insert the SHA-256 of (kind, value); True for the first caller only."""
        ...


class Attempts(Protocol):
    """Counters of failed tries per key and window, kept in the database so that no restart forgets them."""

    def add(self, key: bytes, window_start: int, expires_at: int) -> int:
        """Count one more try in the window and return the new count, in one statement."""
        ...

    def take_back(self, key: bytes, window_start: int) -> None:
        """Uncount one try of the window: it was not a failed one."""
        ...

    def count(self, key: bytes, window_start: int) -> int: ...

    def clear(self, key: bytes) -> None: ...


class Audit(Protocol):
    """The audit trail. `append` stands in the transaction of what it records."""

    def append(self, event: AuditEvent) -> None: ...

    def page(self, after: bytes, limit: int) -> Sequence[AuditEvent]: ...

    def of_account(self, account_id: bytes) -> Sequence[AuditEvent]: ...


class Keys(Protocol):
    """Signing keys, sealed, and the fixed keys (pairwise, dedup, username) wrapped by the master ring."""

    def signing_keys(self) -> Sequence[StoredKey]: ...

    def add_signing_key(self, key: StoredKey) -> None: ...

    def move(self, kid: str, was: KeyState, becomes: KeyState, now: int) -> bool:
        """One transition, once: False when the key is not in state `was` any more."""
        ...

    def wrapped(self, name: str) -> bytes | None: ...

    def claim_wrapped(self, name: str, wrapped: bytes) -> bool:
        """Store a wrapped fixed key unless one exists; False when another was there first."""
        ...

    def replace_wrapped(self, name: str, old: bytes, new: bytes) -> bool: ...

    def meta(self, name: str) -> str | None: ...

    def claim_meta(self, name: str, value: str) -> bool: ...


class Outbox(Protocol):
    """Messages to apps, written in the transaction of what they tell."""

    def put(self, message_id: bytes, kind: str, client_id: str, payload: bytes, due_at: int) -> None:
        """Write a message (sealed). Conflict when the id exists."""
        ...

    def claim_due(self, now: int, lease_until: int, limit: int) -> Sequence[tuple[bytes, str, str, bytes, int]]:
        """Lease due messages until a moment: (id, kind, client id, payload, tries so far). Nobody else gets them."""
        ...

    def delivered(self, message_id: bytes) -> None:
        """Forget a message."""
        ...

    def failed(self, message_id: bytes, due_at: int) -> None:
        """Try again at `due_at`."""
        ...

    def give_up(self, message_id: bytes, now: int) -> None:
        """Forget what a message said, and remember for thirty days that it was given up."""
        ...

    def of_client(self, client_id: str) -> Sequence[tuple[str, int, int | None]]:
        """Messages to one app: (kind, tries, next try at or None when given up), those due first in front."""
        ...


class Housekeeping(Protocol):
    """Removal of what has expired, in bounded bites."""

    def purge(self, now: int, limit: int) -> dict[str, int]:
        """Delete at most `limit` expired rows a table; table name -> rows deleted."""
        ...


class TokenKeys(Protocol):
    """Keys of age tokens, sealed; every one of them stands in the public log (`TokenLog`)."""

    def all(self) -> Sequence[TokenKey]:
        """Every key that is kept, oldest epoch first."""
        ...

    def claim(self, key: TokenKey) -> bool:
        """Store a key and append its leaf to the log; False when its band, epoch and role have one already."""
        ...

    def revoke(self, key_id: bytes, now: int) -> bool:
        """Revoke once, with its leaf; False when unknown or revoked already."""
        ...


class TokenLog(Protocol):
    """The public log of token keys: leaves in order, and signed notes of its sizes. All of it is public."""

    def append(self, leaf: bytes) -> int:
        """Append a leaf; its position."""
        ...

    def leaves(self) -> Sequence[bytes]:
        """The whole log, in order: it is tiny."""
        ...

    def note(self, size: int) -> str | None:
        """The signed checkpoint of a log size with its cosignatures, None when none was kept."""
        ...

    def notes(self) -> Sequence[tuple[int, str]]:
        """Every kept note with its size, the smallest first."""
        ...

    def keep_note(self, size: int, note: str) -> None:
        """Store the note of a size, in place of an older one."""
        ...


class Allowance(Protocol):
    """How many age tokens an account has had signed in an epoch: counts, and nothing of the tokens."""

    def charge(self, account_id: bytes, epoch: int, count: int, quota: int) -> bool:
        """Add `count` unless that would pass `quota`, in one statement; whether it was added."""
        ...

    def used(self, account_id: bytes, epoch: int) -> int: ...


class KnownPasswords(Protocol):
    """Passwords that are widely known, or were published after a breach (SP 800-63B-4, section 3.1.1.2)."""

    def holds(self, password: str) -> bool:
        """Whether a password, as it was typed, is among them."""
        ...


class Presentations(Protocol):
    """Age tokens shown at the door. The account issuer has none."""

    def claim(self, presentation: Presentation) -> str:
        """Spend the token on the request, both once; the code to answer with: the same for the same pair again.

        Refused `token_spent` when the token was spent on another request, `request_answered` when another token
        answered this one.
        """
        ...


class Transaction(Protocol):
    """All aggregates within one database transaction."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def recovery_codes(self) -> RecoveryCodes: ...
    @property
    def passkeys(self) -> Passkeys: ...
    @property
    def clients(self) -> Clients: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def device_grants(self) -> DeviceGrants: ...
    @property
    def spent(self) -> Spent: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def token_keys(self) -> TokenKeys: ...
    @property
    def token_log(self) -> TokenLog: ...
    @property
    def allowance(self) -> Allowance: ...
    @property
    def presentations(self) -> Presentations: ...
    @property
    def housekeeping(self) -> Housekeeping: ...


class Store(Protocol):
    """The database. `unit` is short and may run again: no signing, Argon2, network or clock inside."""

    def read(self, unit: Callable[[Transaction], T], *, snapshot: bool = False) -> T:
        """Run `unit`, which may not write. Unavailable when the database cannot answer.

        Each statement sees one state of the database; with `snapshot`, which costs two statements more, all
        statements of the unit see the same one.
        """
        ...

    def write(self, unit: Callable[[Transaction], T], key: bytes = b"") -> T:
        """Run `unit` in a transaction and return only after it is on disk.

        Units that wait together are committed together, each in a savepoint, sorted by `key` (the id of the row
        they fight over). An exception of `unit` undoes that unit alone and is raised here. If COMMIT fails every
        unit of the group gets Unavailable. Called once per request, by a service or protocol entry function.
        """
        ...

    def ping(self) -> None:
        """Unavailable unless the database answers."""
        ...

    def close(self) -> None:
        """Finish what waits, then release connections and the lock file."""
        ...


class Fetcher(Protocol):
    """Requests to addresses that apps gave us; the implementation guards them (threats A24). Never inside `write`."""

    def get(self, url: str, limit: int = 64 * 1024) -> bytes:
        """The body of a 200 answer, at most `limit` bytes, within three seconds; else FetchRefused."""
        ...

    def post(self, url: str, body: bytes, content_type: str) -> int:
        """The status of the answer, redirects not followed, within three seconds; FetchRefused when there is none."""
        ...
