"""One end for all steps of a fetch: a peer that sends a byte now and then gains nothing by it."""

import ssl
from collections.abc import Callable

import httpcore

Monotonic = Callable[[], float]


class Deadline:
    """A moment after which everything is too late. `clock` counts seconds steadily."""

    def __init__(self, seconds: float, clock: Monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds that are left, more than none; httpcore.TimeoutException when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole fetch is over")
        return left


class DeadlineStream(httpcore.NetworkStream):
    """A network stream on which every single operation gets what is left of the whole time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As NetworkStream; `timeout` is not looked at."""
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As NetworkStream; `timeout` is not looked at. Bodies are small, so that one time serves all pieces."""
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        """As NetworkStream."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """As NetworkStream; `timeout` is not looked at."""
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return DeadlineStream(stream, self._deadline)
