"""One end for a whole HTTP exchange, also while bytes trickle in: limits of single reads begin anew with every byte."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

_mine = threading.local()


@contextmanager
def deadline_in(seconds: float) -> Iterator[None]:
    """Every wait for the network in this thread ends with a timeout when so much time has passed in the block."""
    _mine.ends_at = time.monotonic() + seconds
    try:
        yield
    finally:
        _mine.ends_at = None


def _left(timeout: float | None, too_late: type[Exception]) -> float | None:
    ends_at = getattr(_mine, "ends_at", None)
    if ends_at is None:
        return timeout
    left: float = ends_at - time.monotonic()
    if left <= 0:
        raise too_late("the whole exchange took too long")
    return left if timeout is None else min(timeout, left)


class DeadlineStream(httpcore.NetworkStream):
    """A connection that waits no longer than its thread's deadline; it is kept for the next exchange."""

    def __init__(self, inner: httpcore.NetworkStream):
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections that keep to the deadline."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return DeadlineStream(self._inner.connect_tcp(host, port, left, local_address, socket_options))


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's transport over connections that keep to the deadline; no proxies, nothing of the environment."""

    def __init__(self, limits: httpx.Limits):
        super().__init__(trust_env=False)
        # httpx has no argument for httpcore's network backend, so the pool is made here as httpx makes it.
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=DeadlineBackend(),
        )
