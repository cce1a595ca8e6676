"""Small pieces of SQL text."""

from __future__ import annotations

from collections.abc import Iterable


def quoted(words: Iterable[str]) -> str:
    """State names as a list of SQL literals."""
    return ", ".join(f"'{str(word)}'" for word in words)
