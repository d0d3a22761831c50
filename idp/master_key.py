"""The master key ring's file: mode 0600, outside the database, made at the first start in the data directory."""

import contextlib
import os
import stat
from pathlib import Path

from crypto.errors import KeyRingError
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
    """Read a ring; Refused when others may read it, KeyRingError when it is not this issuer's."""
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    # How systemd hands out a credential: root's, read by the service's user through an ACL. What looks like the group's
    # right to read is the ACL's mask, and the group is root's in any case.
    credential = mode == 0o440 and found.st_uid == found.st_gid == 0
    if mode & 0o077 and not credential:
        raise Refused("master_key_readable", f"{path}: mode {mode:04o} lets others read it; make it 0600")
    try:
        return KeyRing.parse(path.read_bytes(), issuer)
    except KeyRingError as error:
        raise KeyRingError(f"{path}, read for the issuer {issuer} (BLINDAGE_ISSUER): {error}") from error


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only we can read, and see it on disk before returning."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
