"""An app's own server on loopback: it answers as the test tells it, and remembers what it was sent."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """One request as it arrived; `host` is the Host header, `sni` the name asked for in TLS."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    sni: str | None = None


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class ListeningApp:
    """`answers` maps a path to an answer or to a function that makes one; other paths get 404."""

    port: int = 0
    answers: dict[str, Answer | Callable[[Received], Answer]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    def url(self, path: str, scheme: str = "http") -> str:
        """The address of a path on this server."""
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        """What has arrived at one path, in order."""
        return [request for request in list(self.received) if request.path == path]


@contextmanager
def listening_app(tls: ssl.SSLContext | None = None) -> Iterator[ListeningApp]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    app = ListeningApp()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sni = app.names[-1] if app.names else None
            request = Received(self.command, self.path, body, dict(self.headers.items()), sni)
            app.received.append(request)
            found = app.answers.get(self.path, (404, {}, b""))
            status, headers, content = found(request) if callable(found) else found
            self.send_response(status)
            if not {"Transfer-Encoding", "Content-Length"} & headers.keys():
                self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(content)
            except OSError:
                # A fetcher that has seen enough hangs up: that is what some tests are about.
                self.close_connection = True

        do_GET = _serve
        do_POST = _serve

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Connections that the other side broke are no news."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: app.names.append(name)
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    app.port = server.server_address[1]
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
