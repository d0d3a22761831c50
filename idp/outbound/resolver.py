"""Names to addresses, with an end: the system's resolver may hang for half a minute and cannot be interrupted."""

import socket
import threading
from collections.abc import Callable, Sequence

from idp.domain.errors import FetchRefused

Resolver = Callable[[str, int], Sequence[str]]
"""All addresses of a host name for a TCP port, as text; OSError when there are none."""

MAX_WAITING = 8
"""Look-ups under way at once: a name server that hangs must not collect threads."""


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Addresses by `getaddrinfo`, in the system's order of preference, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class BoundedResolver:
    """A resolver that is given up after a time, while its thread ends when it can."""

    def __init__(self, resolve: Resolver) -> None:
        self._resolve = resolve
        self._slots = threading.BoundedSemaphore(MAX_WAITING)

    def addresses(self, host: str, port: int, timeout: float) -> Sequence[str]:
        """At least one address; FetchRefused `busy`, `unresolvable` or `timeout`. `timeout` in seconds."""
        if not self._slots.acquire(blocking=False):
            raise FetchRefused("busy", "too many names are being looked up")
        answer: list[Sequence[str]] = []

        def look_up() -> None:
            try:
                answer.append(self._resolve(host, port))
            except (OSError, UnicodeError):
                answer.append(())
            finally:
                self._slots.release()

        thread = threading.Thread(target=look_up, name="blindage-resolve", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._slots.release()
            raise
        thread.join(timeout)
        if not answer:
            raise FetchRefused("timeout", "the name was not resolved in time")
        if not answer[0]:
            raise FetchRefused("unresolvable", "the name has no address")
        return answer[0]
