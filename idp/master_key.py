"""The master key ring's file: mode 0600, outside the database, made at the first start in the data directory."""

import contextlib
import os
import stat
from pathlib import Path

from crypto.keyring import KeyRing
from idp.domain.errors import Refused


def load_or_make_ring(path: Path, issuer: str) -> KeyRing:
    """The ring of an issuer; a missing file is made. Refused when others may read it or it is another issuer's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # Linked into place whole, and only if nobody was first: two processes that start together get one ring.
        draft = path.with_name(f"{path.name}.{os.getpid()}.new")
        write_private(draft, KeyRing.generate(issuer).serialize())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return load_ring(path, issuer)


def load_ring(path: Path, issuer: str) -> KeyRing:
    """Read a ring; Refused when its mode is wider than 0600, KeyRingError when it is not this issuer's."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Refused("master_key_readable", f"{path}: mode {mode:04o} lets others read it; make it 0600")
    return KeyRing.parse(path.read_bytes(), issuer)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only we can read, and see it on disk before returning."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
