"""One way to call a platform over HTTP: reused connections, time limits on the whole, a limit on what comes back."""

from __future__ import annotations

import atexit
import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import httpx
from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import Misconfigured, OrderCenterError
from ordercenter.common.http_deadline import DeadlineTransport, deadline_in

MAX_ANSWER_BYTES = 8 * 1024 * 1024
TIMEOUT_S = 10.0

TransportProblem = Literal["connect", "timeout", "broken", "too_large"]
HttpMethod = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class TransportFailed(OrderCenterError):
    """The exchange did not come to an end. was_sent: whether the other side may have acted on the request."""

    code = "common.transport_failed"
    title = _("The other side does not answer.")
    retryable = True
    status = 502

    def __init__(self, *, problem: TransportProblem, was_sent: bool, detail: str = ""):
        super().__init__(f"{problem}: {detail}" if detail else problem)
        self.problem, self.was_sent, self.detail = problem, was_sent, detail


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: status, content type in lower case, the whole body unpacked, headers by lower-case name."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def exchange(
    url: str,
    *,
    method: HttpMethod = "POST",
    content: bytes | None = None,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_ANSWER_BYTES,
    address: str = "",
) -> HttpAnswer:
    """Send one request and read the answer; redirects are not followed, proxies of the environment are not used.

    timeout_s holds for connecting, for each read, and for the whole exchange, so a peer that sends one byte a second,
    be it of its headers, does not hold a worker. Safe to call from many threads. address: the IP address to connect to,
    instead of asking again where the URL's host is; certificate and Host header stay those of the host. Raises
    TransportFailed; Misconfigured for an unusable URL.
    """
    started = time.monotonic()
    sent = {**(headers or {}), **({"Content-Type": content_type} if content_type else {})}
    try:
        request = _request(method, url, content, sent, timeout_s, address)
        with (
            deadline_in(timeout_s),
            contextlib.closing(_client(os.getpid(), bool(address)).send(request, stream=True)) as response,
        ):
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > max_bytes:
                    raise TransportFailed(problem="too_large", was_sent=True, detail=f"more than {max_bytes} bytes")
                if time.monotonic() - started > timeout_s:
                    raise TransportFailed(problem="timeout", was_sent=True, detail=f"not done after {timeout_s} s")
            found = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(response.status_code, found.get("content-type", "").lower(), bytes(body), found)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise TransportFailed(problem="connect", was_sent=False, detail=type(error).__name__) from error
    except httpx.TimeoutException as error:
        raise TransportFailed(problem="timeout", was_sent=True, detail=type(error).__name__) from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise Misconfigured(f"not an address that can be called: {url.split('?')[0]}") from error
    except httpx.HTTPError as error:
        raise TransportFailed(problem="broken", was_sent=True, detail=type(error).__name__) from error


def _request(
    method: str, url: str, content: bytes | None, headers: dict[str, str], timeout_s: float, address: str
) -> httpx.Request:
    client = _client(os.getpid(), bool(address))
    if not address:
        return client.build_request(method, url, content=content, headers=headers, timeout=timeout_s)
    parts = httpx.URL(url)
    return client.build_request(
        method,
        parts.copy_with(host=address),
        content=content,
        headers={**headers, "Host": parts.netloc.decode("ascii")},
        timeout=timeout_s,
        extensions={"sni_hostname": parts.host},
    )


@lru_cache(maxsize=2)
def _client(_process_id: int, is_pinned: bool) -> httpx.Client:
    # Keyed by process: after a fork the child must not talk over its parent's sockets. Connections to a pinned address
    # are not kept: the certificate was checked for one host only.
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=0 if is_pinned else 32, keepalive_expiry=10)
    client = httpx.Client(
        trust_env=False,
        transport=DeadlineTransport(limits),
        headers={"User-Agent": "order-center"},
    )
    atexit.register(client.close)
    return client
