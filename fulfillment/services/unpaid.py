"""Goods of orders that wait for their money: held when placed or when the deposit is in, free again at their time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.events.types import SupplyChanged
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import Reservation, SupplyClaim
from ordercenter.inventory.services import Trigger, UnpaidGoods
from ordercenter.inventory.services.holds import orders_given_holds
from ordercenter.inventory.states import ReserveOn
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import PAYABLE, OrderState

LAPSED_AT_ONCE = 500


def hold_unpaid_orders(*, order_ids: Collection[int], work: Work) -> list[int]:
    """Hold goods for these orders as far as shop and SKU say so and the goods are there. Returns those that hold any.

    A deposit holds them until its balance is due, which is written to the order: as the platform says, else by our
    policy. An order that was paid or cancelled meanwhile holds nothing. Lines get their SKUs here already; one that
    nothing explains is left to the order's flow. One statement while nobody reserves before payment or sells ahead.
    """
    policies = inventory.stock_policies(work)
    if not order_ids or not (policies.holds_unpaid or policies.presales):
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
        triggers = {sku_id: policies.trigger_of(order.shop_id, sku_id) for sku_id in sorted(wanted)}
        held = {sku_id: trigger for sku_id, trigger in triggers.items() if _holds(trigger, has_deposit)}
        if has_deposit:
            _date_balance(order, [*held.values(), *(triggers[sku] for sku in wanted if sku in policies.presales)], work)
        for sku_id, trigger in held.items():
            until = order.balance_due_at if has_deposit else work.at + timedelta(minutes=trigger.hold_minutes)
            if wanted[sku_id] and until is not None and until > work.at:
                goods.append(UnpaidGoods(order.pk, order.shop_id, sku_id, wanted[sku_id], until))
    return sorted(pk for pk, places in inventory.hold_for_unpaid(goods=goods, work=work).items() if places)


def _holds(trigger: Trigger, has_deposit: bool) -> bool:
    return trigger.reserve_on == ReserveOn.PLACED or (trigger.reserve_on == ReserveOn.DEPOSIT and has_deposit)


def _date_balance(order: Order, triggers: Sequence[Trigger], work: Work) -> None:
    """Where the platform does not say until when the balance may be paid, our policy does: the longest of its goods."""
    if order.balance_due_at is None and triggers:
        order.balance_due_at = work.at + timedelta(days=max(trigger.balance_days for trigger in triggers))
        work.save(order, "balance_due_at")


def end_unpaid_holds(*, at: datetime) -> int:
    """The time of these holds is over: goods of orders that are still not paid are free, and so is what was to come for
    a deposit. Returns how many orders.

    Payment and end lock the order first, so one of them is earlier: what was paid in time is kept until it is routed.
    Emits StockReplenished and SupplyChanged.
    """
    overdue = set(inventory.overdue_orders(at=at))
    lapsed = Order.objects.filter(state=OrderState.AWAITING_BALANCE, balance_due_at__lte=at)
    lapsed = lapsed.filter(Exists(SupplyClaim.objects.filter(order_id=OuterRef("pk"))))
    ids = sorted(overdue | set(lapsed.values_list("pk", flat=True)[:LAPSED_AT_ONCE]))
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
        late = [pk for pk, order in orders.items() if has_lapsed(order, at)]
        give_up_claims(order_ids=late, work=work)
    return len(ids)


def has_lapsed(order: Order, at: datetime) -> bool:
    """Whether the balance of a pre-sale may not be paid any more, as far as goods are kept for it."""
    due = order.balance_due_at
    return bool(order.state == OrderState.AWAITING_BALANCE) and due is not None and due <= at


def give_up_claims(*, order_ids: Collection[int], work: Work) -> None:
    """Nothing that is to come is kept for these orders any more: others get it, and new dates. Emits SupplyChanged."""
    if order_ids:
        for sku_id in sorted(inventory.drop_promises(order_ids=order_ids, cancelled=True, work=work)):
            work.record(SupplyChanged(sku_id=sku_id))


def release_unpaid_holds(*, order_ids: Collection[int], work: Work) -> None:
    """These orders were cancelled: nothing is held for them any more. One statement while nobody reserves early."""
    if order_ids and inventory.stock_policies(work).holds_unpaid:
        held = inventory.holds_of_orders(order_ids=order_ids, work=work)
        inventory.end_promises(work, [row for rows in held.values() for row in rows], expired=False)


def held_before_payment(*, orders: Mapping[int, Order], work: Work) -> dict[int, list[Reservation]]:
    """What these orders hold since before they were paid, locked. No statement for orders born in this transaction
    without a hold that they came with, or while nobody reserves before payment.
    """
    given = orders_given_holds(work)
    if not (given or inventory.stock_policies(work).holds_unpaid):
        return {}
    ids = [pk for pk in orders if pk in given or not work.is_born(f"order:{pk}")]
    return inventory.holds_of_orders(order_ids=ids, work=work)


def pieces_held(*, order_ids: Collection[int], work: Work) -> dict[int, dict[int, int]]:
    """SKU -> pieces that these orders hold since before they were paid, by order. Not locked."""
    if not inventory.stock_policies(work).holds_unpaid:
        return {}
    return inventory.pieces_held(order_ids=order_ids)
