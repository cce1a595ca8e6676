"""A sandbox that lives in the test's process, reached by our clients over real HTTP on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.local_http import Received, Reply, serving


@contextmanager
def reached(client: httpx.Client) -> Iterator[str]:
    """The address under which what the client (a WSGI transport) talks to answers."""

    def answer(request: Received) -> Reply:
        response = client.request(
            request.method,
            f"{server.url}{request.path}",
            params=request.query,
            headers={name: value for name, value in request.headers.items() if name != "host"},
            content=request.body,
        )
        kept = [name for name in response.headers if name in ("link", "retry-after") or name.startswith("x-")]
        lines = "".join(f"\r\n{name}: {response.headers[name]}" for name in kept)
        return Reply(response.content, response.status_code, f"{response.headers['content-type']}{lines}")

    with serving(answer) as server:
        yield server.url
