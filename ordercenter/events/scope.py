"""Whether the open transaction stands or falls whole: inside a relay an error undoes all of it, so no savepoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

all_or_nothing: ContextVar[bool] = ContextVar("all_or_nothing", default=False)


@contextmanager
def whole() -> Iterator[None]:
    """Within the block the open transaction stands or falls whole."""
    token = all_or_nothing.set(True)
    try:
        yield
    finally:
        all_or_nothing.reset(token)
