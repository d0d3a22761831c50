"""A TCP proxy in front of a database that can do what networks do: refuse, fall silent, break at the worst moment."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from enum import Enum


class Fault(Enum):
    """What the proxy does from now on."""

    NONE = "passes everything on"
    REFUSE = "cuts every connection, accepts none"
    SILENT = "takes everything and passes nothing on"
    BREAK_BEFORE_COMMIT = "cuts the connection instead of passing COMMIT on"
    BREAK_AFTER_COMMIT = "passes COMMIT on and cuts the connection instead of its answer"


class FaultyNetwork:
    """Listens on `port` of loopback and speaks with the database at `target`."""

    def __init__(self, target: int) -> None:
        self.fault = Fault.NONE
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._stopped = threading.Event()
        self._threads[0].start()

    def stop(self) -> None:
        """Cut everything and end."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            if not select.select([self._listener], [], [], 0.02)[0]:
                continue
            client = self._listener.accept()[0]
            if self.fault is Fault.REFUSE:
                client.close()
                continue
            thread = threading.Thread(target=self._carry, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            answers_pass = True
            while not self._stopped.is_set() and self.fault is not Fault.REFUSE:
                ready = select.select([client, server], [], [], 0.02)[0]
                if self.fault is Fault.SILENT:
                    continue
                for source in ready:
                    with contextlib.suppress(ConnectionError):
                        data = source.recv(65536)
                        if not data:
                            return
                        if source is client and b"COMMIT" in data:
                            if self.fault is Fault.BREAK_BEFORE_COMMIT:
                                return
                            answers_pass = self.fault is not Fault.BREAK_AFTER_COMMIT
                        if source is server and not answers_pass:
                            return
                        (server if source is client else client).sendall(data)


@contextlib.contextmanager
def faulty_network(target: int) -> Iterator[FaultyNetwork]:
    """A proxy to `target`, stopped at the end."""
    network = FaultyNetwork(target)
    try:
        yield network
    finally:
        network.stop()
