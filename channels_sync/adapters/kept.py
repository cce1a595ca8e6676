"""What was kept of a push that nobody could read, read once more when the reader knows its form."""

from __future__ import annotations

from typing import Any

from channels_sync.adapters.base import Pushed
from channels_sync.errors import MessageUnreadable


def kept_push(raw: Any) -> tuple[str, bytes]:
    """Topic ("" where there was none) and body of a push kept as {"topic", "body"}. Raises MessageUnreadable."""
    if not isinstance(raw, dict) or not isinstance(raw.get("body"), str):
        raise MessageUnreadable(path="body", problem="ill_typed")
    return str(raw.get("topic", "")), raw["body"].encode("utf-8", "surrogatepass")


def readable_again(pushed: Pushed) -> Pushed:
    """What it told, if it can be read now. Raises the MessageUnreadable that says why not."""
    if pushed.unreadable:
        raise pushed.unreadable[0].error
    return pushed
