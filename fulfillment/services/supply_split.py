"""What is there leaves now, the rest when it has come or is made (有货先发): which part of an order that is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from fulfillment.routing.decide import Decider
from fulfillment.routing.facts import Decision, Free, LineFacts, OrderFacts, part_of
from fulfillment.services.merging import USUAL, policies
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.capabilities import ANYTHING, capabilities
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.money import ZERO
from ordercenter.events.types import OrderPartAwaitsSupply
from ordercenter.inventory import services as inventory
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import OrderState

CODE = "PART_WAITS_SUPPLY"
# A part of the order is with a warehouse, or has left.
ON_ITS_WAY = (OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED)


def ships_in_parts(order: Order, lines: Sequence[OrderLine], work: Work) -> bool:
    """Whether what is there of this order may leave alone: its shop says so, or its rest waits since a part left."""
    if policies(work).get(order.shop_id, USUAL).ships_parts:
        return True
    return order.state in ON_ITS_WAY and any(line.backordered for line in lines)


def decide_part(
    order: Order, lines: Sequence[OrderLine], facts: OrderFacts, *, decider: Decider, free: Free, work: Work
) -> Decision | None:
    """The way of what is there of an order that cannot leave whole; None where nothing worth a parcel is there.

    Lines leave whole, or piece by piece where the channel can be told so. Gifts alone are not worth a parcel. Where not
    all that is there may leave together, the warehouse that has most of its value sends its part. An order whose goods
    are all there, but apart, waits for nothing that could come: it is not cut.
    """
    can = capabilities(work).get(order.shop_id, ANYTHING)
    by_pieces = can.splits_by_quantity or can.many_numbers_per_line
    gifts = {line.id for line in lines if line.is_gift}
    houses = decider.tariff.warehouses
    if _there(facts.lines, _anywhere(facts.lines, free, houses), by_pieces=False) == facts.lines:
        return None
    for part in _parts(facts.lines, free, houses, by_pieces=by_pieces):
        if any(line.line_id not in gifts for line in part):
            decision = decider.decide(replace(facts, lines=part), free)
            if not decision.problem:
                return decision
    return None


def keep_waiting(
    *,
    parts: Mapping[int, Mapping[int, int]],
    orders: Mapping[int, Order],
    lines: Mapping[int, Sequence[OrderLine]],
    work: Work,
) -> None:
    """Of these orders a part was reserved (order -> line -> pieces): the rest is backordered, with a date to come.

    Emits OrderPartAwaitsSupply, and opens a case that closes when all of it is on its way.
    """
    waited: list[int] = []
    drafts = []
    for order_id, reserved in parts.items():
        for line in lines[order_id]:
            pieces = reserved.get(line.id, 0)
            if pieces and line.backordered:
                waited.append(line.id)
            line.backordered, line.reserved = line.backordered + line.unplanned - pieces, line.reserved + pieces
            line.unplanned = 0
            work.save(line, "reserved", "unplanned", "backordered")
        rest = {line.id: line for line in lines[order_id] if line.backordered}
        skus = tuple(sorted({line.sku_id or 0 for line in rest.values()}))
        work.record(OrderPartAwaitsSupply(order_id=order_id, sku_ids=skus))
        drafts.append(_case(orders[order_id], rest.values()))
    if waited:
        # Who gets some of what it waits for gets a new date for the others, by the fact above.
        inventory.drop_promises(line_ids=waited, cancelled=False, work=work)
    cases.open_cases(drafts=drafts, work=work)


def give_up_rest(*, order_id: int, reason: str, actor: Actor, at: datetime | None = None) -> BatchResult:
    """The rest of an order, which waits for goods while a part is on its way, is not sent any more.

    What is not made for it yet is not made. Refused: OrderUnknown, NothingWaits. Raises ReasonMissing. The reason is
    kept as a deed.
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        result = orders_services.cancel_rest(order_ids=[order_id], reason=reason, work=work)
        for order in result.done:
            inventory.drop_promises(order_ids=[order.pk], cancelled=True, work=work)
            cases.close_cases_of(subjects=[f"order:{order.pk}"], codes=[CODE], resolution=reason[:200], work=work)
            record_deed(work, action="order.give_up_rest", subject=f"order:{order.pk}", reason=reason)
    return result


def has_waiting_rest(order: Order) -> bool:
    """Whether a part of the order waits for goods while another is on its way, or has left. One statement at most."""
    return order.state in ON_ITS_WAY and order.lines.filter(backordered__gt=0).exists()


def all_on_its_way(*, order_ids: Collection[int], work: Work) -> None:
    """Nothing of these orders waits for supply any more."""
    cases.close_cases_of(
        subjects=[f"order:{pk}" for pk in order_ids], codes=[CODE], resolution="all of it is on its way", work=work
    )


def _parts(
    lines: Sequence[LineFacts], free: Mapping[tuple[int, int], int], houses: Sequence[int], *, by_pieces: bool
) -> Iterator[tuple[LineFacts, ...]]:
    """What could leave: all that is there anywhere, then what single warehouses have, the most valuable first."""
    everywhere = _there(lines, _anywhere(lines, free, houses), by_pieces=by_pieces)
    if everywhere:
        yield everywhere
    single = []
    for warehouse_id in houses:
        here = {line.sku_id: max(free.get((line.sku_id, warehouse_id), 0), 0) for line in lines}
        single.append(_there(lines, here, by_pieces=by_pieces))
    single.sort(key=lambda part: -sum(line.value_fen for line in part))
    yield from (part for part in single if part)


def _anywhere(lines: Sequence[LineFacts], free: Mapping[tuple[int, int], int], houses: Sequence[int]) -> dict[int, int]:
    """SKU -> pieces in all warehouses together."""
    return {line.sku_id: sum(max(free.get((line.sku_id, w), 0), 0) for w in houses) for line in lines}


def _there(lines: Sequence[LineFacts], pieces: Mapping[int, int], *, by_pieces: bool) -> tuple[LineFacts, ...]:
    left = dict(pieces)
    part = []
    for line in lines:
        there = min(line.quantity, left[line.sku_id])
        if there < line.quantity and not by_pieces:
            continue
        if there:
            left[line.sku_id] -= there
            value = part_of(line.value_fen, there, line.quantity)
            part.append(line if there == line.quantity else replace(line, quantity=there, value_fen=value))
    return tuple(part)


def _case(order: Order, rest: Collection[OrderLine]) -> CaseDraft:
    return CaseDraft(
        code=CODE,
        subject=f"order:{order.pk}",
        shop_id=order.shop_id,
        reference=order.channel_order_no,
        money_at_risk=sum((line.paid_share for line in rest), ZERO),
        priority=order.priority,
        evidence={"lines": [{"title": line.title, "pieces": line.backordered} for line in rest]},
    )
