"""Who vouches for the person behind a code when it is exchanged: the account issuer's records, or a token's band."""

from typing import Protocol

from idp.domain.account import AccountState, parse_age_record
from idp.domain.age import Band
from idp.domain.grant import Standing
from idp.domain.ports import Store, Transaction
from idp.domain.veiled import standing_of


class Vouched(Protocol):
    """What a code says of the person it is about. At the door `band` speaks, and the other three are empty."""

    @property
    def account_id(self) -> bytes: ...
    @property
    def client_id(self) -> str: ...
    @property
    def session_id(self) -> bytes: ...
    @property
    def band(self) -> str | None: ...
    @property
    def age(self) -> str: ...
    @property
    def age_version(self) -> str: ...


class Vouchers(Protocol):
    """Where the standing of a code comes from at the moment of its exchange."""

    def standing(self, store: Store, code: Vouched, now: int) -> Standing:
        """Account, consent, session and age behind a code."""
        ...

    def seen(self, code: Vouched) -> Standing | None:
        """What stood behind a code when it was made: good for a claim that is bound to it, and for nothing else.

        None for a code that does not say.
        """
        ...


class AccountVouchers:
    """The account issuer: one SELECT."""

    def standing(self, store: Store, code: Vouched, now: int) -> Standing:
        def look(tx: Transaction) -> Standing:
            return tx.consents.standing(code.account_id, code.client_id, code.session_id, now)

        return store.read(look)

    def seen(self, code: Vouched) -> Standing | None:
        if not code.age_version:
            return None
        return Standing(AccountState.ACTIVE, True, parse_age_record(bytes.fromhex(code.age)))


class BandVouchers:
    """The door: the band that a token vouched for, as it stands in the code."""

    def standing(self, store: Store, code: Vouched, now: int) -> Standing:
        return self.seen(code)

    def seen(self, code: Vouched) -> Standing:
        if code.band is None:
            # A code that this door has sealed always has one.
            raise ValueError("a code of the door has a band")
        return standing_of(Band(code.band))
