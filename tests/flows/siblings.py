"""Trades of one buyer to one address, and the questions that tests of merging ask."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from fulfillment.models import Shipment, ShipmentLine
from ordercenter.cases.models import Case
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.models import Timer
from ordercenter.events.timers import fire_due
from ordercenter.orders.models import Order
from tests.flows.outside import settle_down
from tests.flows.world import World

SAME = {"buyer_open_uid": "AAHsame", "oaid": "oaid-same"}


def siblings(world: World, *skus: str, **changes: Any) -> list[dict[str, Any]]:
    """One trade for each SKU, all of one buyer to one address."""
    trades = [world.trade((sku, 1, "50.00"), **(SAME | changes)) for sku in skus]
    for trade, sku in zip(trades, skus, strict=True):
        # Of listings of their own: equal ones within minutes would be taken for one order placed twice.
        trade["orders"]["order"][0]["num_iid"] = f"68{sku[-1]}"
    return trades


def order_of(trade: dict[str, Any]) -> Order:
    return Order.objects.get(channel_order_no=str(trade["tid"]))


def parcels() -> list[tuple[str, list[str]]]:
    """Every shipment: its state and the last digits of its orders."""
    shown = []
    for shipment in Shipment.objects.order_by("pk"):
        lines = ShipmentLine.objects.filter(shipment=shipment).order_by("order_id")
        numbers = dict.fromkeys(lines.values_list("order__channel_order_no", flat=True))
        shown.append((shipment.state, [number[-1] for number in numbers]))
    return shown


def open_cases() -> list[str]:
    return sorted(Case.objects.filter(closed_at__isnull=True).values_list("code", flat=True))


def time_passes(*, minutes: float) -> None:
    """The timers that are due by then fire, and what follows from it happens."""
    at = timezone.now() + timedelta(minutes=minutes)
    while Timer.objects.filter(due_at__lte=at, fired_at__isnull=True, cancelled_at__isnull=True).exists():
        fire_due(at=at)
        settle_down()


def broken() -> dict[str, list[tuple[str, str]]]:
    """The invariants that do not hold, with the first offenders."""
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=10))
    return {verdict.check.name: verdict.sample for verdict in verdicts if verdict.broken}
