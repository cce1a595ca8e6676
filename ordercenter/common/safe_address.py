"""Where an address that a person typed may lead: not into our own network, unless the operator of the system says so.

The name is resolved once and the connection goes to the address that was looked at (`http.exchange(address=...)`): a
name that answers differently the second time leads nowhere else. Redirects are not followed by `exchange`.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError

# Networks that carry an IPv4 address inside: what is inside counts as well (RFC 6052, 3056, 4380).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")

Resolver = Callable[[str, int], Collection[str]]


class AddressRefused(OrderCenterError):
    """An address that we do not call. problem: not_http, has_login, no_host, unknown_host, internal."""

    code = "common.address_refused"
    title = _("This address is not called.")
    hint = _(
        "Only addresses of the open internet are called; the operator of the system can allow others by a setting."
    )
    status = 422

    def __init__(self, *, problem: str, host: str):
        super().__init__(f"{host or 'no host'}: {problem}")
        self.problem, self.host = problem, host


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system knows them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def safe_address(url: str, *, allowed: Collection[str] = (), resolver: Resolver = resolve) -> str:
    """The IP address to connect to for a URL; every address of its host has to be one of the open internet.

    allowed: `host` or `host:port` that may be internal. Raises AddressRefused.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise AddressRefused(problem="no_host", host="") from None
    if parts.scheme not in ("http", "https"):
        raise AddressRefused(problem="not_http", host=host)
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(problem="has_login", host=host)
    if not host:
        raise AddressRefused(problem="no_host", host="")
    try:
        found = list(resolver(host, port))
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise AddressRefused(problem="unknown_host", host=host)
    if host not in allowed and f"{host}:{port}" not in allowed and not all(is_public(address) for address in found):
        raise AddressRefused(problem="internal", host=host)
    return found[0]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet, also one that is wrapped in another."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and (ip in _NAT64 or ip in _NAT64_LOCAL):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved
