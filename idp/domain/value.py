"""Values that are made anew for each request: read-only for the type checker, cheap at run time."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """A dataclass with slots that nobody may change (mypy sees to it).

    `dataclass(frozen=True)` has this checked again at run time, which makes an object of twelve members cost 0.8
    instead of 0.2 us; a token request makes ten such. What lives longer and is shared is worth its price.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
