"""Whether the open transaction stands or falls whole: inside a relay an error undoes all of it, so no savepoints."""

from __future__ import annotations

from contextvars import ContextVar

all_or_nothing: ContextVar[bool] = ContextVar("all_or_nothing", default=False)
