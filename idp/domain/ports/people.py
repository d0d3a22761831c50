"""What is kept of people: accounts, sessions, recovery codes, passkeys."""

from collections.abc import Sequence
from typing import Protocol

from idp.domain.account import Account, AccountState, AgeRecord
from idp.domain.passkey import Passkey
from idp.domain.session import Session


class Accounts(Protocol):
    """Accounts, sealed under a data key each; deleting removes the data key first (crypto-shredding)."""

    def add(self, account: Account) -> None:
        """Insert with a fresh data key. Conflict when the username index exists."""
        ...

    def get(self, account_id: bytes) -> Account | None: ...

    def by_username(self, username_index: bytes) -> Account | None: ...

    def id_of(self, username_index: bytes) -> bytes | None:
        """The id behind a username, and nothing else of the account."""
        ...

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
