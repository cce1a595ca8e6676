"""Bodies that no honest platform sends, each a way to bring down a careless reader."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

HUGE_BYTES = 256 * 1024 * 1024
_PIECE = b" " * (64 * 1024)
_ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY f SYSTEM "file:///etc/passwd">]><xml><a>&c;&f;</a></xml>'
)

BODIES: tuple[bytes, ...] = (
    b"",
    b"\x00" * 64,
    b'{"order_id":"a\\u0000b"}',
    b'{"order_id":"\\ud800"}',
    b"[" * 20_000 + b"]" * 20_000,
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    b'{"order_id":1e309,"total":-1e309}',
    b'{"order_id":NaN,"total":Infinity}',
    b'{"order_id":1,"order_id":2}',
    b'{"order_id":' + b"9" * 5_000 + b"}",
    b"null",
    b"[]",
    b'"text"',
    b'{"order_id":{"order_id":[]}}',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    _ENTITIES,
)


def huge_after(body: bytes) -> Iterator[bytes]:
    """The body, then blanks without end, nearly: made as they are read."""
    yield body
    for _no in range(HUGE_BYTES // len(_PIECE)):
        yield _PIECE


def gzip_bomb() -> bytes:
    """A few kilobytes that unpack to more than anybody has asked for."""
    return gzip.compress(b"[" + b" " * (64 * 1024 * 1024) + b"]", compresslevel=9)
