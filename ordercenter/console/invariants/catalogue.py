"""All checks, in the order in which they are shown."""

from __future__ import annotations

from ordercenter.console.invariants import chains, floor, freight, lines, live, money, parcels, post, shipments, stock
from ordercenter.console.invariants.base import Check

CHECKS: tuple[Check, ...] = (
    *lines.CHECKS,
    *stock.CHECKS,
    *shipments.CHECKS,
    *parcels.CHECKS,
    *floor.CHECKS,
    *freight.CHECKS,
    *live.CHECKS,
    *money.CHECKS,
    *chains.CHECKS,
    *post.CHECKS,
)
