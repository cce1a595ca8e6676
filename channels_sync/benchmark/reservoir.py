"""Real signed pushes of the sandbox, kept for a moment so that they can be brought to the door at an exact pace."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# What each platform takes for a yes; an empty 200 does for the others.
_YES: Mapping[str, bytes] = {"douyin": b'{"code":0,"msg":"success"}', "wechat_shop": b"success"}
_NOT_FORWARDED = ("host", "connection", "content-length", "accept-encoding", "transfer-encoding")


@dataclass(slots=True)
class Push:
    """One push as the platform sent it. path: with its query. status: of our answer, 0 while there is none."""

    platform: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int = 0
    waited_ms: float = 0.0


@dataclass
class Reservoir:
    """A door that says yes to every push and keeps it. Use as a context manager; `url` is for push_callback_url."""

    pushes: queue.Queue[Push] = field(default_factory=queue.Queue)

    def __enter__(self) -> Reservoir:
        kept = self.pushes

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One segment for the answer: two would wait for each other.
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                platform = self.path.split("/")[2]
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
                kept.put(Push(platform, self.path, headers, body))
                answer = _YES.get(platform, b"")
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                self.wfile.flush()

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_args: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/channels/{{platform}}/{{token}}/"


class Bringer:
    """Brings pushes to a door at a pace, from enough threads that a slow answer holds up none of those after it.

    A wait is counted from the instant at which the push was due, so that a door that stands still is not spared.
    """

    def __init__(self, url: str, *, threads: int = 24):
        where = urlsplit(url)
        self._host, self._port = where.hostname or "127.0.0.1", where.port or 80
        self._due: queue.Queue[tuple[float, Push] | None] = queue.Queue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _no in range(threads)]
        for thread in self._threads:
            thread.start()

    def bring(self, push: Push, *, due: float) -> None:
        """due: an instant of time.perf_counter()."""
        self._due.put((due, push))

    def finish(self) -> None:
        """Wait until all are answered."""
        for _thread in self._threads:
            self._due.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        connection = HTTPConnection(self._host, self._port, timeout=30)
        connection.connect()
        while (item := self._due.get()) is not None:
            due, push = item
            time.sleep(max(0.0, due - time.perf_counter()))
            try:
                push.status = self._send(connection, push)
            except (OSError, HTTPException):
                # Kept connections are closed by the server after a while; a platform would connect anew.
                connection.close()
                try:
                    push.status = self._send(connection, push)
                except (OSError, HTTPException):
                    push.status = -1
            push.waited_ms = 1000 * (time.perf_counter() - due)
        connection.close()

    @staticmethod
    def _send(connection: HTTPConnection, push: Push) -> int:
        connection.request("POST", push.path, push.body, push.headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
