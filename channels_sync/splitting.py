"""Orders that their channel split after the payment: the parts are sent, the order that was paid is not.

Parts and the order that they replace come in any order. Whoever comes second finds the other: reports of one shop that
bring a new part exclude the shop's other reports for the length of their transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from django.db import connection
from django.db.models import Q

from channels_sync.booking import book_split
from fulfillment import services as fulfillment
from fulfillment.models import Shipment, ShipmentLine
from fulfillment.states import ShipmentState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.cases.models import Case
from ordercenter.cases.services import CaseDraft
from ordercenter.cases.states import OPEN_STATES
from ordercenter.common.money import ZERO
from ordercenter.events.types import OrderReplaced
from ordercenter.inventory import services as inventory
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Hold, Order, SplitPart
from ordercenter.orders.services import Finding, TakenOrder
from ordercenter.orders.states import BEFORE_FULFILLMENT, OrderState
from ordercenter.workflow import services as workflow

PARENT_OUT, SUM = "SPLIT_PARENT_OUT", "SPLIT_SUM"
REPLACED = "replaced by its parts: the channel split it"
_STILL_HERE = (*BEFORE_FULFILLMENT, OrderState.IN_FULFILLMENT)

Key = tuple[int, str]


def lock_splits(taken: Sequence[TakenOrder], work: Work) -> None:
    """For the beginning of a transaction that takes these reports: whoever brings a new part is alone in its shop.

    The orders that new parts replace, and all that stopping them may touch, are locked here with the orders of the
    list, each kind in one step. No statement for channels that split no orders.
    """
    told = [t for t in taken if t.order.split_from is not None]
    if not told:
        return
    parts = {(t.shop_id, t.order.channel_order_no): t for t in told if t.order.split_from}
    fresh = parts.keys() - _known_parts(parts)
    busy = {shop_id for shop_id, _number in fresh}
    with connection.cursor() as cursor:
        for shop_id in sorted({t.shop_id for t in told}):
            kind = "" if shop_id in busy else "_shared"
            cursor.execute(f"SELECT pg_advisory_xact_lock{kind}(hashtext('order splits'), %s)", [shop_id % 2**31])
    if fresh:
        numbers = {no for key in fresh for no in parts[key].order.split_from or ()}
        ids = _ids_of({t.shop_id for t in taken}, numbers | {t.order.channel_order_no for t in taken})
        siblings = [part.order_id for part in _families({(shop_id, no) for shop_id in busy for no in numbers})]
        fulfillment.lock_goods(order_ids=sorted({*ids, *siblings}), work=work)


def replace_split_orders(*, taken: Sequence[TakenOrder], orders: Mapping[Key, Order], work: Work) -> set[Key]:
    """Close the orders of which a part has come; returns the numbers of all that are replaced, ours or not.

    orders: by shop and number, those of these reports, in the same unit of work. A replaced order is cancelled, what
    it was promised is free, its flow ends, what was paid for it is booked back, for the parts have payments of their
    own. While a warehouse has its goods in hand, and when they have left, its parts are held (SPLIT_PARENT_OUT). Parts
    that do not add up to it are the case SPLIT_SUM, which closes itself. Emits OrderReplaced. Seven statements where
    nothing was split, none for channels that split no orders.
    """
    told = [t for t in taken if t.order.split_from is not None]
    if not told:
        return set()
    fresh = _keep_parts(told, orders, work)
    numbers = {(t.shop_id, t.order.channel_order_no) for t in told}
    numbers |= {(t.shop_id, no) for t in told for no in t.order.split_from or ()}
    parts = _with_orders(_families(numbers), work)
    replaced = {(part.shop_id, no) for part in parts for no in (part.parent_no, part.root_no)}
    touched = replaced & ({key for part in fresh for key in _above(part)} | numbers)
    # New ones are not written yet.
    parents = {key: order for key, order in orders.items() if key in touched}
    parents |= _orders_of(touched - parents.keys(), work)
    if not parents:
        return replaced
    by_parent = {order.pk: [part for part in parts if key in _above(part)] for key, order in parents.items()}
    _close(parents, by_parent, {part.order_id for part in fresh}, work)
    _hold_parts(parents, by_parent, work)
    _compare_sums(parents, parts, work)
    return replaced


def let_parts_go(*, order_ids: Collection[int], work: Work) -> None:
    """Shipments of these orders were cancelled: where they were split, and nothing is out, their parts go on."""
    numbers = set(
        Order.objects.filter(pk__in=order_ids, state=OrderState.CANCELLED).values_list("shop_id", "channel_order_no")
    )
    parts = [part for part in _families(numbers) if _above(part) & numbers] if numbers else []
    if not parts:
        return
    held = set(
        Hold.objects.filter(
            order_id__in=[part.order_id for part in parts], code=PARENT_OUT, released_at__isnull=True
        ).values_list("order_id", flat=True)
    )
    above = {key for part in parts if part.order_id in held for key in _above(part)}
    parents = Order.objects.filter(
        shop_id__in={shop for shop, _no in above}, channel_order_no__in={no for _shop, no in above}
    )
    keys = {order.pk: (order.shop_id, order.channel_order_no) for order in parents}
    out = {keys[pk] for pk in _out(keys, work)}
    free = sorted(part.order_id for part in parts if part.order_id in held and not _above(part) & out)
    if free:
        orders_services.release_holds(
            order_ids=free, codes=[PARENT_OUT], reason="the parcel of the whole was stopped", accepted=False, work=work
        ).raise_first()


def _known_parts(keys: Collection[Key]) -> set[Key]:
    rows = SplitPart.objects.filter(
        shop_id__in={shop for shop, _no in keys}, order__channel_order_no__in={no for _shop, no in keys}
    )
    return set(rows.values_list("shop_id", "order__channel_order_no")) if keys else set()


def _ids_of(shops: Collection[int], numbers: Collection[str]) -> list[int]:
    rows = Order.objects.filter(shop_id__in=shops, channel_order_no__in=numbers)
    return sorted(rows.values_list("pk", flat=True))


def _orders_of(keys: Collection[Key], work: Work) -> dict[Key, Order]:
    if not keys:
        return {}
    ids = _ids_of({shop for shop, _no in keys}, {no for _shop, no in keys})
    found = {(o.shop_id, o.channel_order_no): o for o in work.lock(Order, ids).values()}
    return {key: order for key, order in found.items() if key in keys}


def _keep_parts(told: Sequence[TakenOrder], orders: Mapping[Key, Order], work: Work) -> list[SplitPart]:
    """Write down what is new about who stands for whom."""
    named: dict[int, TakenOrder] = {}
    for t in told:
        order = orders.get((t.shop_id, t.order.channel_order_no))
        if order is not None and t.order.split_from:
            named[order.pk] = t
    if not named:
        return []
    known = set(SplitPart.objects.filter(order_id__in=named).values_list("order_id", flat=True))
    fresh = [
        SplitPart(
            order_id=pk,
            shop_id=t.shop_id,
            parent_no=(t.order.split_from or ("",))[0],
            root_no=(t.order.split_from or ("",))[-1],
            told_at=work.at,
        )
        for pk, t in sorted(named.items())
        if pk not in known
    ]
    SplitPart.objects.bulk_create(fresh)
    return fresh


def _families(keys: Collection[Key]) -> list[SplitPart]:
    """The parts of the orders with these numbers, near and far."""
    shops, numbers = {shop for shop, _no in keys}, {no for _shop, no in keys}
    named = Q(parent_no__in=numbers) | Q(root_no__in=numbers)
    return list(SplitPart.objects.filter(named, shop_id__in=shops).order_by("order_id"))


def _with_orders(parts: Sequence[SplitPart], work: Work) -> Sequence[SplitPart]:
    """These parts with their orders as they are in this unit of work, where new ones are not written yet."""
    in_hand = work.in_hand(Order)
    others = Order.objects.in_bulk([part.order_id for part in parts if part.order_id not in in_hand])
    for part in parts:
        part.order = in_hand.get(part.order_id) or others[part.order_id]
    return parts


def _above(part: SplitPart) -> set[Key]:
    return {(part.shop_id, part.parent_no), (part.shop_id, part.root_no)}


def _close(
    parents: Mapping[Key, Order], by_parent: Mapping[int, Sequence[SplitPart]], fresh: set[int], work: Work
) -> None:
    here = [order.pk for order in parents.values() if order.state in _STILL_HERE]
    orders_services.cancel_orders(order_ids=here, reason=REPLACED, work=work).raise_first()
    if here:
        free = fulfillment.stop_shipments(order_ids=here, reason=REPLACED, work=work)
        inventory.release_reservations(order_ids=free, work=work)
        fulfillment.release_unpaid_holds(order_ids=here, work=work)
        fulfillment.give_up_claims(order_ids=here, work=work)
        workflow.void_runs(subjects=[f"order:{pk}" for pk in here], work=work)
    book_split(parents=list(parents.values()), work=work)
    for order in parents.values():
        ids = [part.order_id for part in by_parent[order.pk]]
        if order.pk not in here and not fresh & set(ids):
            continue
        work.record(OrderReplaced(order_id=order.pk, by_order_ids=tuple(ids)))
        details = {"by": [part.order.channel_order_no for part in by_parent[order.pk]]}
        record_deed(work, action="order.replace", subject=f"order:{order.pk}", reason=REPLACED, details=details)


def _hold_parts(parents: Mapping[Key, Order], by_parent: Mapping[int, Sequence[SplitPart]], work: Work) -> None:
    """Parts of an order whose goods are not surely in the house wait: a second parcel would follow the first."""
    found: dict[int, list[Finding]] = {}
    out = _out([order.pk for order in parents.values()], work)
    for order in parents.values():
        if order.pk not in out:
            continue
        evidence = {"order": order.channel_order_no, "goods": out[order.pk]}
        for part in by_parent[order.pk]:
            found.setdefault(part.order_id, []).append(Finding(PARENT_OUT, evidence))
    if not found:
        return
    parts = work.lock(Order, list(found))
    accepted = orders_services.accepted_codes(list(found))
    # A part that was itself split is closed, and what a person let go stays let go.
    waiting = {
        pk: found[pk][:1]
        for pk, part in parts.items()
        if part.state in _STILL_HERE and PARENT_OUT not in accepted.get(pk, ())
    }
    orders_services.hold_orders(findings=waiting, work=work)


def _out(order_ids: Collection[int], work: Work) -> dict[int, str]:
    """Which of these orders a warehouse has in hand, or has sent: "in_hand" or "left". Two statements."""
    found: dict[int, str] = {}
    pairs = set(ShipmentLine.objects.filter(order_id__in=order_ids).values_list("shipment_id", "order_id"))
    shipments = work.lock(Shipment, {shipment_id for shipment_id, _ in pairs})
    for shipment_id, order_id in pairs:
        state = shipments[shipment_id].state
        if state in (ShipmentState.SHIPPED, ShipmentState.DELIVERED):
            found[order_id] = "left"
        elif state not in (ShipmentState.CANCELLED, ShipmentState.PLANNED, ShipmentState.REJECTED):
            found.setdefault(order_id, "in_hand")
    return found


def _compare_sums(parents: Mapping[Key, Order], parts: Sequence[SplitPart], work: Work) -> None:
    """The last parts of a paid order add up to it, to the fen."""
    split_again = {(part.shop_id, part.parent_no) for part in parts}
    drafts, well = [], []
    for key, order in parents.items():
        below = [part for part in parts if (part.shop_id, part.root_no) == key]
        last = [part.order for part in below if (part.shop_id, part.order.channel_order_no) not in split_again]
        if not last:
            # In the middle of a split that was split again: the order that was paid is compared.
            continue
        total = sum((part.total_amount for part in last), ZERO)
        if total == order.total_amount:
            well.append(f"order:{order.pk}")
        else:
            drafts.append(_sum_case(order, last, total))
    if well:
        cases.close_cases_of(subjects=well, codes=[SUM], resolution="the parts add up to the order", work=work)
    if drafts:
        _say_sums(drafts, work)


def _say_sums(drafts: Sequence[CaseDraft], work: Work) -> None:
    """Open these cases; an open one that names other sums says those of now."""
    rows = Case.objects.filter(subject__in=[d.subject for d in drafts], code=SUM, state__in=OPEN_STATES)
    known = {case.subject: case for case in work.lock(Case, list(rows.values_list("pk", flat=True))).values()}
    for draft in drafts:
        case = known.get(draft.subject)
        if case is not None and case.evidence != draft.evidence:
            case.evidence, case.money_at_risk = dict(draft.evidence), draft.money_at_risk
            work.save(case, "evidence", "money_at_risk")
    cases.open_cases(drafts=[draft for draft in drafts if draft.subject not in known], work=work)


def _sum_case(order: Order, parts: Sequence[Order], total: Decimal) -> CaseDraft:
    return CaseDraft(
        code=SUM,
        subject=f"order:{order.pk}",
        shop_id=order.shop_id,
        reference=order.channel_order_no,
        money_at_risk=abs(order.total_amount - total),
        evidence={
            "paid": str(order.total_amount),
            "parts": str(total),
            "by": [part.channel_order_no for part in parts],
        },
    )
