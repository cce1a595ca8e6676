"""A stage whose sandbox answers over real HTTP on loopback: for tests in which our own clients talk to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from tests.channels_sync.sandbox.stage import Stage


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Quiet: a test looks at what came of it."""


@contextmanager
def over_http(stage: Stage) -> Iterator[str]:
    """The address of the stage's sandbox, until the block ends."""
    server = make_server("127.0.0.1", 0, stage.app, server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
