"""Prices from past days of the own books: what today's stock would be worth if the orders of those days came again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.utils import timezone

from fulfillment.models import ShadowPrices
from fulfillment.routing.learning import mean_prices
from fulfillment.routing.solve import learn_prices
from fulfillment.routing.terms import OrderNeed, StockView
from fulfillment.services.backlog import keep_prices
from fulfillment.services.past_days import past_day
from fulfillment.services.routing_world import current_world
from ordercenter.inventory.models import StockLevel

MOST_DAYS = 60
MOST_ORDERS = 20_000


@dataclass
class Learned:
    """days: day -> its orders that counted. apart: orders whose rules go step by step. prices: None for no order."""

    days: dict[date, int] = field(default_factory=dict)
    apart: int = 0
    prices: ShadowPrices | None = None


def learn_from_past_days(
    *, days: int, at: datetime | None = None, seconds: float = 60.0, use_solver: bool = True, least: int = 1
) -> Learned:
    """Learn from the orders of the `days` days before today, and keep the prices for the orders that come one by one.

    Every day's orders are planned together on the stock that is free now, by today's contracts, rules and calendars;
    the prices are the mean over the days, as `learn_from_days` has it for days from files. Nothing is planned or
    reserved. seconds: for all days together. least: of fewer orders nothing is learned and kept. Nine statements a day.
    Raises ValueError for days out of 1 to 60.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"{days} days: from 1 to {MOST_DAYS} can be learned from")
    now = at or timezone.now()
    world = current_world()
    today = timezone.localdate(now)
    learned = Learned()
    decider = world.decider(at=now)
    with_orders: dict[date, list[OrderNeed]] = {}
    for n in range(days, 0, -1):
        day = today - timedelta(days=n)
        past = past_day(day, world=world, most=MOST_ORDERS)
        needs = [decider.need_for_batch(order.facts) for order in past.orders]
        learned.apart += needs.count(None)
        if any(needs):
            with_orders[day] = [need[0] for need in needs if need is not None]
    levels = StockLevel.objects.values_list("sku_id", "warehouse_id", "on_hand", "reserved", "allocated", "set_aside")
    free = {(sku, w): max(on_hand - sum(taken), 0) for sku, w, on_hand, *taken in levels}
    if sum(map(len, with_orders.values())) < least:
        return learned
    found = []
    for day, orders in with_orders.items():
        view = StockView.of(decider.tariff, free, parcels=decider.parcels_left())
        share = seconds / len(with_orders)
        found.append(learn_prices(orders, view, decider.tariff, decider.costs, seconds=share, use_solver=use_solver))
        learned.days[day] = len(orders)
    if found:
        prices = mean_prices(found, warehouses=len(decider.tariff.warehouses))
        first, last = min(learned.days), max(learned.days)
        total = sum(learned.days.values())
        learned.prices = keep_prices(prices, world, source=f"days:{first:%y%m%d}-{last:%y%m%d}", orders=total)
    return learned
