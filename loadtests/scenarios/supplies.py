"""What the users of one locust process share: filled when a run starts, used up by all of them."""

from collections import deque
from typing import TypeVar

from locust.exception import StopUser

from loadtests.mix import Mix
from loadtests.prepared import Person, Prepared

Supply = TypeVar("Supply")


class Supplies:
    """One for the process."""

    mix: Mix
    prepared: Prepared
    codes: deque[str]
    refresh_codes: deque[str]
    wallet_people: deque[Person]
    """A person fills one wallet: what an account may get in an epoch is little."""

    @classmethod
    def stock(cls, prepared: Prepared) -> None:
        """Begin a run with this process's share."""
        cls.prepared = prepared
        cls.codes = deque(prepared.exchange.exchanges())
        cls.refresh_codes = deque(prepared.refresh.exchanges())
        cls.wallet_people = deque(prepared.wallet_people)


def take(supply: deque[Supply]) -> Supply:
    """The next one; with none left this user is done."""
    try:
        return supply.popleft()
    except IndexError:
        raise StopUser from None
