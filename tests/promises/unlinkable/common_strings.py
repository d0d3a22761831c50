"""Which strings stand on both sides: byte by byte, in whatever files, requests, answers and sealed values there are."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from crypto.encoding import b64url_decode
from crypto.errors import EncodingError
from idp.domain.audit_event import AuditKind
from idp.domain.client import ClientState

WINDOW = 9
"""Bytes: a string longer than eight is reported."""

_KEY_WORDS = ("next", "retiring", "retired", "primary", "standby", "ES256", "RS256", "EdDSA")
_WORDS = re.compile(
    b"|".join(
        re.escape(word.encode())
        for word in (*AuditKind, *ClientState, *_KEY_WORDS)
    )
)
"""Words of closed lists that stand beside random values: too short for a window, they would lengthen a chance hit."""

_PRINTABLE, _SMALL = 32, 4
_ENCODED = re.compile(rb"[A-Za-z0-9_-]{11,}")


@dataclass(frozen=True, slots=True)
class Common:
    """A string on both sides, as long as it goes in the blob of the one side where it was found first."""

    text: bytes
    one: str
    other: str


def windows_of(blobs: Iterable[bytes]) -> set[bytes]:
    """Every run of nine bytes, but those with four below 32 or more: padding, and the heads of SQLite's records.

    A head is a row of small numbers, the lengths of the columns. Of random values one window in fifty is such a one.
    """
    found = {blob[at : at + WINDOW] for blob in blobs for at in range(len(blob) - WINDOW + 1)}
    return {window for window in found if sum(byte < _PRINTABLE for byte in window) < _SMALL}


def with_decoded(blobs: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same, and beside them what stands in base64url in them: one side may keep as bytes what the other spells."""
    found = dict(blobs)
    for name, blob in blobs.items():
        for word in set(_ENCODED.findall(blob)):
            with suppress(EncodingError):
                found[f"{name}, {word[:16].decode()}... decoded"] = b64url_decode(word.decode())
    return found


def common_strings(one: Mapping[str, bytes], other: Mapping[str, bytes], constants: set[bytes]) -> list[Common]:
    """What stands in a blob of `one` and in a blob of `other`, once all that `constants` (windows) cover is cut out."""
    ours, theirs = ({name: _rest(blob, constants) for name, blob in blobs.items()} for blobs in (one, other))
    shared = windows_of(_all(ours)) & windows_of(_all(theirs))
    found: dict[bytes, Common] = {}
    for name, pieces in ours.items():
        for text in (text for piece in pieces for text in _runs(piece, shared.__contains__, True)):
            if text not in found:
                where = next(place for place, there in theirs.items() if any(text[:WINDOW] in each for each in there))
                found[text] = Common(text, name, where)
    return list(found.values())


def _rest(blob: bytes, constants: set[bytes]) -> list[bytes]:
    """What is left between constants: a value that stands beside one must be long enough by itself."""
    pieces = (piece for part in _WORDS.split(blob) for piece in _runs(part, constants.__contains__, False))
    return [piece for piece in pieces if len(piece) >= WINDOW]


def _all(pieces: Mapping[str, Iterable[bytes]]) -> Iterable[bytes]:
    return (piece for each in pieces.values() for piece in each)


def _runs(blob: bytes, is_in: Callable[[bytes], bool], covered: bool) -> Iterable[bytes]:
    """The stretches of a blob that windows with `is_in` cover, or those that none covers."""
    marks = bytearray(len(blob))
    for at in range(len(blob) - WINDOW + 1):
        if is_in(blob[at : at + WINDOW]):
            marks[at : at + WINDOW] = b"\1" * WINDOW
    for stretch in re.finditer(b"\1+" if covered else b"\0+", bytes(marks)):
        yield blob[stretch.start() : stretch.end()]
