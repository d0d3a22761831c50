"""A lock on a file, held by one process and released by the system however that process ends."""

import fcntl
import os
from pathlib import Path
from time import monotonic, sleep

from idp.storage.sql.errors import StorageError

_STEP_SECONDS = 0.05


class LockFile:
    """An exclusive lock (flock). Forked children share it; programs they start do not."""

    def __init__(self, file: Path, patience: float, refusal: str) -> None:
        """Take the lock, waiting `patience` seconds at most; StorageError with the text `refusal` after that."""
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = monotonic() + patience
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if monotonic() >= deadline:
                    self.release()
                    raise StorageError(refusal) from None
                sleep(_STEP_SECONDS)

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would let two processes lock two files of one name."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
