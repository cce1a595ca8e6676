"""Goods of orders that wait for their money: held when placed or when the deposit is in, free again at their time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import Reservation
from ordercenter.inventory.services import UnpaidGoods
from ordercenter.inventory.states import ReserveOn
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import PAYABLE, OrderState


def hold_unpaid_orders(*, order_ids: Collection[int], work: Work) -> list[int]:
    """Hold goods for these orders as far as shop and SKU say so and the goods are there. Returns those that hold any.

    An order that was paid or cancelled meanwhile holds nothing. Lines get their SKUs here already; one that nothing
    explains is left to the order's flow. One statement while nobody reserves before payment.
    """
    policies = inventory.stock_policies(work)
    if not order_ids or not policies.holds_unpaid:
        return []
    orders = {pk: order for pk, order in work.lock(Order, order_ids).items() if order.state in PAYABLE}
    if not orders:
        return []
    orders_services.match_skus(order_ids=list(orders), work=work)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    goods: list[UnpaidGoods] = []
    for order in orders.values():
        has_deposit = order.state == OrderState.AWAITING_BALANCE
        wanted: dict[int, int] = defaultdict(int)
        for line in lines[order.pk]:
            if line.sku_id is not None:
                wanted[line.sku_id] += line.unplanned
        for sku_id, pieces in sorted(wanted.items()):
            trigger = policies.trigger_of(order.shop_id, sku_id)
            if trigger.reserve_on == ReserveOn.PLACED or (trigger.reserve_on == ReserveOn.DEPOSIT and has_deposit):
                last = timedelta(days=trigger.balance_days) if has_deposit else timedelta(minutes=trigger.hold_minutes)
                if pieces:
                    goods.append(UnpaidGoods(order.pk, order.shop_id, sku_id, pieces, work.at + last))
    return sorted(pk for pk, places in inventory.hold_for_unpaid(goods=goods, work=work).items() if places)


def end_unpaid_holds(*, at: datetime) -> int:
    """The time of these holds is over: goods of orders that are still not paid are free. Returns how many orders.

    Payment and end lock the order first, so one of them is earlier: what was paid in time is kept until it is routed.
    """
    ids = inventory.overdue_orders(at=at)
    if not ids:
        return 0
    with unit_of_work(at=at) as work:
        orders = work.lock(Order, ids)
        held = inventory.holds_of_orders(order_ids=ids, work=work)
        for order_id, holds in held.items():
            order = orders.get(order_id)
            over = [row for row in holds if row.expires_at is not None and row.expires_at <= at]
            if order is None or order.state in (*PAYABLE, OrderState.CANCELLED):
                inventory.end_promises(work, over, expired=True)
            else:
                inventory.keep_for_good(holds=over, work=work)
    return len(ids)


def release_unpaid_holds(*, order_ids: Collection[int], work: Work) -> None:
    """These orders were cancelled: nothing is held for them any more. One statement while nobody reserves early."""
    if order_ids and inventory.stock_policies(work).holds_unpaid:
        held = inventory.holds_of_orders(order_ids=order_ids, work=work)
        inventory.end_promises(work, [row for rows in held.values() for row in rows], expired=False)


def held_before_payment(*, orders: Mapping[int, Order], work: Work) -> dict[int, list[Reservation]]:
    """What these orders hold since before they were paid, locked. No statement for orders born in this transaction, or
    while nobody reserves before payment.
    """
    if not inventory.stock_policies(work).holds_unpaid:
        return {}
    return inventory.holds_of_orders(order_ids=[pk for pk in orders if not work.is_born(f"order:{pk}")], work=work)


def pieces_held(*, order_ids: Collection[int], work: Work) -> dict[int, dict[int, int]]:
    """SKU -> pieces that these orders hold since before they were paid, by order. Not locked."""
    if not inventory.stock_policies(work).holds_unpaid:
        return {}
    return inventory.pieces_held(order_ids=order_ids)
