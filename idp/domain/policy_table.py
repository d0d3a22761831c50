"""Strict reading of a policy's TOML tables: exact types, bounded figures, every key asked for or refused."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from idp.domain.errors import DomainError

E = TypeVar("E", bound=StrEnum)

MINUTES_A_DAY = 24 * 60


class PolicyError(DomainError):
    """A policy is refused; the text names the key and what is wrong with it."""

    reason = "bad_policy"


class Table:
    """One table while it is read: each method takes a key out, `close` refuses what nobody asked for.

    `where` is the dotted name for messages. All methods raise PolicyError.
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise PolicyError(f"{where}: not a table")
        self._left = dict(value)
        self.where = where

    def has(self, key: str) -> bool:
        """Whether an optional key is there and not yet taken."""
        return key in self._left

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self._take(key)
        if not isinstance(value, str) or not value:
            raise PolicyError(f"{self.where}.{key}: not a text")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._take(key)
        if not isinstance(value, bool):
            raise PolicyError(f"{self.where}.{key}: not true or false")
        return value

    def integer(self, key: str, lowest: int, highest: int) -> int:
        """A whole number within both bounds."""
        return _integer(self._take(key), lowest, highest, f"{self.where}.{key}")

    def ascending(self, key: str, lowest: int, highest: int) -> tuple[int, ...]:
        """Whole numbers within both bounds, at least one, each larger than the one before."""
        where = f"{self.where}.{key}"
        numbers = tuple(_integer(item, lowest, highest, where) for item in self._list(key))
        if not numbers or list(numbers) != sorted(set(numbers)):
            raise PolicyError(f"{where}: empty or not strictly ascending")
        return numbers

    def one_of(self, key: str, kind: type[E]) -> E:
        """A member of `kind`, by its value."""
        return _member(self._take(key), kind, f"{self.where}.{key}")

    def some_of(self, key: str, kind: type[E]) -> frozenset[E]:
        """Distinct members of `kind`, by value; may be none."""
        where = f"{self.where}.{key}"
        members = [_member(item, kind, where) for item in self._list(key)]
        if len(members) != len(set(members)):
            raise PolicyError(f"{where}: names one twice")
        return frozenset(members)

    def minutes(self, key: str, step: int = 1) -> int:
        """`HH:MM` up to `24:00` as minutes after midnight, a multiple of `step` minutes."""
        text, where = self.text(key), f"{self.where}.{key}"
        hours, colon, minutes = text[:2], text[2:3], text[3:]
        if not (len(text) == 5 and colon == ":" and text.isascii() and (hours + minutes).isdigit()):
            raise PolicyError(f"{where}: not HH:MM")
        value = int(hours) * 60 + int(minutes)
        if int(minutes) > 59 or value > MINUTES_A_DAY or value % step:
            raise PolicyError(f"{where}: no such time of day, or not a multiple of {step} minutes")
        return value

    def table(self, key: str) -> "Table":
        """A table within this one."""
        return Table(self._take(key), f"{self.where}.{key}")

    def tables(self, key: str) -> "list[Table]":
        """A list of tables; may be empty."""
        return [Table(item, f"{self.where}.{key}[{i}]") for i, item in enumerate(self._list(key))]

    def close(self) -> None:
        """Refuse keys that were not taken: a misspelt rule would otherwise silently not exist."""
        if self._left:
            raise PolicyError(f"{self.where}: unknown keys {sorted(map(str, self._left))}")

    def _take(self, key: str) -> object:
        if key not in self._left:
            raise PolicyError(f"{self.where}.{key}: missing")
        return self._left.pop(key)

    def _list(self, key: str) -> list[object]:
        value = self._take(key)
        if not isinstance(value, list):
            raise PolicyError(f"{self.where}.{key}: not a list")
        return value


def _integer(value: object, lowest: int, highest: int, where: str) -> int:
    # `isinstance` would let True pass as 1.
    if type(value) is not int or not lowest <= value <= highest:
        raise PolicyError(f"{where}: not a whole number from {lowest} to {highest}")
    return value


def _member(value: object, kind: type[E], where: str) -> E:
    for member in kind:
        if isinstance(value, str) and member.value == value:
            return member
    raise PolicyError(f"{where}: not one of {', '.join(kind)}")
