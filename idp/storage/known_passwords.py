"""Passwords that attackers try first: a short list that comes with the program, and an operator's long one on disk.

The operator's file has one SHA-1 a line, in upper-case hexadecimal and in ascending order, with or without `:count`:
the form in which lists of breached passwords are published. It may be larger than memory; a look-up reads some thirty
short stretches of it.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from idp.domain.errors import Refused

_DIGEST_CHARACTERS = 40
_LINE = re.compile(rb"[0-9A-F]{40}(:[0-9]{1,12})?\r?")
# Longer than any line, so that a stretch around a place holds the whole line of it.
_REACH = 64


class CommonPasswords:
    """Implements `idp.domain.ports.KnownPasswords` with a list held in memory; case does not matter."""

    def __init__(self, passwords: Iterable[str]) -> None:
        self._known = frozenset(password.casefold() for password in passwords)

    def holds(self, password: str) -> bool:
        return password.casefold() in self._known


class BreachedPasswords:
    """Implements `idp.domain.ports.KnownPasswords` with a sorted file, which stays open; threads may share it."""

    def __init__(self, path: Path) -> None:
        """Refused `bad_password_list` when the file has not the form described above; OSError when there is none."""
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._size = os.fstat(self._file).st_size
        first, last = self._line_at(0)[1], self._line_at(max(self._size - 1, 0))[1]
        if not (_LINE.fullmatch(first) and _LINE.fullmatch(last) and first <= last):
            raise Refused("bad_password_list", f"{path} is not a sorted list of SHA-1 digests in upper case")

    def __del__(self) -> None:
        # Refused or done with: the descriptor goes with the object, once.
        if hasattr(self, "_file"):
            os.close(self._file)

    def holds(self, password: str) -> bool:
        # SHA-1 is how the published lists name passwords; nothing here relies on its strength.
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        low, high = 0, self._size
        while low < high:
            start, line = self._line_at((low + high) // 2)
            found = line[:_DIGEST_CHARACTERS]
            if found == wanted:
                return True
            if found < wanted:
                low = start + len(line) + 1
            else:
                high = start
        return False

    def _line_at(self, place: int) -> tuple[int, bytes]:
        """Where the line that holds the byte at `place` begins, and the line without its end."""
        begin = max(place - _REACH, 0)
        stretch = os.pread(self._file, 2 * _REACH, begin)
        start = stretch.rfind(b"\n", 0, place - begin) + 1
        end = stretch.find(b"\n", place - begin)
        return begin + start, stretch[start : end if end >= 0 else len(stretch)]


class EitherPasswords:
    """Implements `idp.domain.ports.KnownPasswords`: known to one list or the other."""

    def __init__(self, *lists: "CommonPasswords | BreachedPasswords") -> None:
        self._lists = lists

    def holds(self, password: str) -> bool:
        return any(known.holds(password) for known in self._lists)
