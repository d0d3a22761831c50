"""Lists of known passwords: the one that comes with the program, and sorted files on disk."""

import random
from hashlib import sha1
from pathlib import Path

import pytest

from idp.composition import known_passwords
from idp.domain.errors import Refused
from idp.settings import SettingsError
from idp.storage.known_passwords import BreachedPasswords, CommonPasswords


def _digest(password: str) -> str:
    return sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def _file(path: Path, passwords: list[str], counts: bool, end: str = "\n", last_end: bool = True) -> Path:
    draw = random.Random(1)
    lines = [_digest(one) + (f":{draw.randrange(1, 10**draw.randrange(1, 10))}" if counts else "") for one in passwords]
    path.write_bytes((end.join(sorted(lines)) + (end if last_end else "")).encode())
    return path


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_every_password_of_a_file_is_found_and_no_other(tmp_path: Path, counts: bool, end: str, size: int) -> None:
    passwords = [f"breached {number}" for number in range(size)]
    for last_end in (True, False):
        known = BreachedPasswords(_file(tmp_path / "list.txt", passwords, counts, end, last_end))
        assert all(known.holds(one) for one in passwords)
        assert not any(known.holds(f"another {number}") for number in range(200))
        assert not known.holds("BREACHED 0")


def test_a_file_of_many_lines_is_read_in_few_short_stretches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    known = BreachedPasswords(_file(tmp_path / "list.txt", [str(number) for number in range(50_000)], counts=True))
    reads: list[int] = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, at: reads.append(size) or pread(file, size, at))
    assert known.holds("31415")
    assert sum(reads) < 4096


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"password\n", b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8", b"x" * 500,
     _digest("b").lower().encode() + b"\n", b"F" * 40 + b"\n" + b"0" * 40 + b"\n"],
)  # fmt: skip
def test_a_file_of_another_form_is_refused_at_the_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    if content.startswith(b"5BAA"):
        assert BreachedPasswords(path).holds("password"), "one digest without an end of line is a list"
        return
    with pytest.raises(Refused):
        BreachedPasswords(path)
    with pytest.raises(SettingsError, match="BLINDAGE_BREACHED_PASSWORDS_FILE"):
        known_passwords(path)
    with pytest.raises(SettingsError, match="BLINDAGE_BREACHED_PASSWORDS_FILE"):
        known_passwords(tmp_path / "none")


def test_the_list_of_the_program_knows_what_everybody_knows_and_case_does_not_matter() -> None:
    known = known_passwords(None)
    assert isinstance(known, CommonPasswords)
    for password in ("password", "PassWord1", "12345678", "qwertyuiop", "iloveyou", "zzzzzzzz", "5201314a"):
        assert known.holds(password), password
    for password in ("a long enough password", "lantern-plum-river", ""):
        assert not known.holds(password), password


def test_both_lists_count_together(tmp_path: Path) -> None:
    known = known_passwords(_file(tmp_path / "list.txt", ["correct horse battery staple"], counts=True))
    assert known.holds("correct horse battery staple")
    assert known.holds("password")
    assert not known.holds("incorrect horse battery staple")
