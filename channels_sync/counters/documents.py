"""Documents of counters as plain values: what a batch holds, and what each line of it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from channels_sync.states import DocumentKind
from ordercenter.common.money import ZERO

# Of two documents of one instant, the goods are sold before they come back, and the shift ends last.
_RANK = {DocumentKind.SALE: 0, DocumentKind.RETURN: 1, DocumentKind.SHIFT: 2}


@dataclass(frozen=True, slots=True)
class Sent:
    """One document of a batch. index: its place there; said: its checked content as JSON values, to be kept."""

    index: int
    kind: str
    client_no: str
    business_at: datetime
    shift: str
    said: Mapping[str, Any]

    @property
    def cash(self) -> Decimal:
        """What it puts into the drawer; below zero, what it takes out."""
        paid = sum((Decimal(p["amount"]) for p in self.said.get("payments", ()) if p["method"] == "cash"), ZERO)
        return -paid if self.kind == DocumentKind.RETURN else paid

    def sale_no(self, counter_code: str) -> str:
        """The sale that a return gives back, with its counter."""
        if self.kind != DocumentKind.RETURN:
            return ""
        return f"{self.said.get('sale_counter') or counter_code}/{self.said['sale']}"


def business_order(kind: str, business_at: datetime, client_no: str) -> tuple[datetime, int, str]:
    """The order in which documents are booked, whenever they come."""
    return business_at, _RANK[DocumentKind(kind)], client_no
