"""A platform that hangs: it takes every connection and never answers, or lets its answer trickle."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

TRICKLE = b"HTTP/1.1 200 OK\r\nX-Slow: "


class BlackHole:
    """Listens on loopback until the block ends. Any number of callers; what they send is not read.

    trickle: how its answers begin; then one more byte comes every `pause_s`, for ever. Empty: it says nothing at all.
    """

    def __init__(self, *, trickle: bytes = b"", pause_s: float = 1.0):
        self._trickle, self._pause_s = trickle, pause_s
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._ended = threading.Event()
        self._callers: list[socket.socket] = []
        self.calls = 0
        self._threads = [threading.Thread(target=self._take, daemon=True)]
        if trickle:
            self._threads.append(threading.Thread(target=self._drip, daemon=True))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> BlackHole:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ended.set()
        # Wakes the thread that waits for callers.
        socket.create_connection(self._listener.getsockname(), timeout=1).close()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
        for caller in self._callers:
            caller.close()

    def _take(self) -> None:
        while not self._ended.is_set():
            caller, _where = self._listener.accept()
            self._callers.append(caller)
            self.calls += 1
            self._say(caller, self._trickle)

    def _drip(self) -> None:
        while not self._ended.wait(self._pause_s):
            for caller in list(self._callers):
                self._say(caller, b"x")

    def _say(self, caller: socket.socket, words: bytes) -> None:
        try:
            if words:
                caller.sendall(words)
        except OSError:
            # The caller's patience was at its end.
            caller.close()
            if caller in self._callers:
                self._callers.remove(caller)
