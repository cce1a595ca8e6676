"""A tiny HTTP server on loopback for tests of clients: each test says what it answers and sees what came in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Received:
    """One request as the server met it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Reply:
    """What to answer. cut: close the connection without a word. delay_s: wait first. drip: one byte at a time."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    cut: bool = False
    delay_s: float = 0.0
    drip_s: float = 0.0


@dataclass
class LocalServer:
    url: str
    received: list[Received] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[Received], Reply]) -> Iterator[LocalServer]:
    """Serve on a free port until the block ends; `answer` is called once a request, in order of arrival."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            request = Received(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
            server.received.append(request)
            reply = answer(request)
            if reply.delay_s:
                ended.wait(reply.delay_s)
            if reply.cut:
                self.close_connection = True
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.send_body(reply)

        def send_body(self, reply: Reply) -> None:
            try:
                if not reply.drip_s:
                    self.wfile.write(reply.body)
                    return
                for byte in reply.body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    if ended.wait(reply.drip_s):
                        break
            except OSError:
                self.close_connection = True  # the client had enough

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: tests look at `received`."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server = LocalServer(f"http://127.0.0.1:{httpd.server_address[1]}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        ended.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()
