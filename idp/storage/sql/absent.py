"""What a kind of database has not got: asking for it is refused in words, on both sides."""

from typing import Any, NoReturn

from idp.domain.errors import Refused


class Absent:
    """Stands where nothing of an aggregate is kept."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> NoReturn:
        raise Refused("not_here", f"this side keeps no {self._what}")


def absent(what: str) -> Any:
    """An `Absent`, to stand in the place of any aggregate."""
    return Absent(what)
