"""The blacklist: what a person types in, as the keyed hash that the check compares."""

from __future__ import annotations

from ordercenter.catalog.contacts import phone_hash
from ordercenter.catalog.models import BlacklistKind
from ordercenter.common.secretfield import search_hash


def blacklist_hash(kind: str, value: str) -> str:
    """The hash of a phone number, a buyer's key or a platform's address id, as orders and contacts carry it.

    Raises ValueError for an empty value, a phone without digits or an unknown kind.
    """
    text = value.strip()
    if kind == BlacklistKind.PHONE:
        hashed = phone_hash(text)
    elif kind == BlacklistKind.BUYER:
        hashed = search_hash("buyer", text) if text else ""
    elif kind == BlacklistKind.ADDRESS:
        hashed = search_hash("opaque", text) if text else ""
    else:
        raise ValueError(f"unknown kind of blacklist entry: {kind}")
    if not hashed:
        raise ValueError("nothing to hash")
    return hashed
