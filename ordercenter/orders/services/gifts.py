"""Gifts: given by rules before an order is checked, settled anew when orders travel together or money goes back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.common.batch import BatchResult
from ordercenter.common.money import ZERO
from ordercenter.common.rows import new_row
from ordercenter.orders.models import GiftCount, GiftGrant, GiftRule, Order, OrderLine
from ordercenter.orders.services.gift_rules import Award, Bought, Rule, Tier, earned, of_cycle
from ordercenter.orders.services.review import skus_of
from ordercenter.orders.states import CLOSED_STATES, CycleCount, RefundStatus

STAMP = "gifts"
CASE = "GIFT_RECALC"
# SKU ids -> pieces of each that can be promised.
FreeOf = Callable[[Collection[int]], Mapping[int, int]]
# (order id, rule id, SKU id)
Place = tuple[int, int, int]


@dataclass
class Settled:
    """given and ended: the grants. unpromised: lines of gifts taken back whose stock is still promised: (order, line).

    too_late: gifts that are not due any more and have been handed over; a case each.
    """

    given: list[GiftGrant] = field(default_factory=list)
    ended: list[GiftGrant] = field(default_factory=list)
    too_late: list[GiftGrant] = field(default_factory=list)
    unpromised: list[OrderLine] = field(default_factory=list)


@dataclass
class _Bench:
    """What a settlement works on. given: pieces given of rules with a limit; times: how often a buyer got a rule's."""

    work: Work
    orders: Mapping[int, Order]
    lines: Mapping[int, list[OrderLine]]
    skus: Mapping[int, Sku]
    existing: dict[Place, GiftGrant]
    counts: dict[int, GiftCount] = field(default_factory=dict)
    times: Counter[tuple[int, str]] = field(default_factory=Counter)
    free: dict[int, int] | None = None
    in_house: set[int] = field(default_factory=set)
    result: Settled = field(default_factory=Settled)


def give_gifts(*, order_ids: Collection[int], work: Work, free_of: FreeOf | None = None) -> BatchResult:
    """Put the gifts that each order earns into it, as lines that cost nothing. done: all orders.

    free_of: how much of a SKU can be promised; where a rule asks, an order leaves without a gift that is not there.
    No statement when no rule is active; else two, and one more for each of: limits by buyer, limits of pieces and
    cycles, stock.
    """
    result = BatchResult()
    orders = work.lock(Order, order_ids)
    result.done.extend(orders.values())
    rules = [rule for rule in gift_rules(work).values() if rule.is_active]
    covered = {
        order.id: mine
        for order in orders.values()
        if (mine := [rule for rule in rules if rule.covers(order.shop_id, paid_at(order))])
    }
    if not covered:
        return result
    bench = _bench(work, {pk: orders[pk] for pk in covered})
    wanted: dict[Place, Award] = {}
    for rule in rules:
        under = [orders[pk] for pk, mine in covered.items() if rule in mine]
        if rule.is_cycle:
            positions = _positions(bench, rule, under)
            wanted.update(
                ((order.id, rule.id, award.sku_id), award)
                for order in under
                for award in of_cycle(rule, positions[order.id])
            )
        else:
            for order in under:
                awards = earned(rule, _bought(bench.lines[order.id]))
                wanted.update(((order.id, rule.id, award.sku_id), award) for award in awards)
    _grant(bench, {place: award for place, award in wanted.items() if place not in bench.existing}, rules, free_of)
    return result


def settle_gifts(
    *,
    groups: Sequence[Sequence[int]],
    reason: str,
    work: Work,
    free_of: FreeOf | None = None,
    in_house: Collection[int] = (),
) -> Settled:
    """Bring the gifts of these orders in line with what they earn now. groups: orders that count as one, by their ids;
    what such a group earns goes to its first order. reason: a word that is kept with what is taken back. in_house:
    lines that are released and yet in nobody's hands, because the caller plans their shipment anew when anything
    changes.

    A gift that is not due any more is taken out of its order if it has not left; when a warehouse has it already, or
    the buyer, a case says so (`Settled.too_late`). Cycles are not counted again. Lines whose stock is promised are
    left to the caller (`Settled.unpromised`). No statement when there never was a rule.
    """
    rules = gift_rules(work)
    ids = [pk for group in groups for pk in group]
    if not rules or not ids:
        return Settled()
    orders = {pk: order for pk, order in work.lock(Order, ids).items() if order.state not in CLOSED_STATES}
    bench = _bench(work, orders)
    bench.in_house = set(in_house)
    wanted: dict[Place, Award] = {}
    for group in ([orders[pk] for pk in group if pk in orders] for group in groups):
        for rule in rules.values():
            wanted.update(_wanted_of(bench, rule, group))
    for place, grant in list(bench.existing.items()):
        award = wanted.get(place)
        if not rules[grant.rule_id].is_cycle and (award is None or award.quantity != grant.quantity):
            _take_back(bench, place, grant, reason)
    # What could not be taken back stays; nothing is given in its place.
    fresh = {place: award for place, award in wanted.items() if place not in bench.existing}
    _grant(bench, fresh, list(rules.values()), free_of)
    _tell_too_late(bench, reason)
    return bench.result


def earns_otherwise(*, staying: Collection[int], leaving: Collection[int], work: Work) -> bool:
    """Whether orders that go on without some of those they travelled with have other gifts due than they hold: one that
    they had only together, or one that is in an order which leaves. Changes nothing. Limits and stock do not count: who
    settles afterwards looks at those. No statement when no active rule counts orders together; else at most five.
    """
    rules = {pk: rule for pk, rule in gift_rules(work).items() if rule.counts_together and not rule.is_cycle}
    if not rules:
        return False
    orders = {pk: order for pk, order in work.lock(Order, staying).items() if order.state not in CLOSED_STATES}
    bench = _bench(work, orders)
    group = [orders[pk] for pk in sorted(orders)]
    wanted: dict[Place, Award] = {}
    for rule in rules.values():
        wanted.update(_wanted_of(bench, rule, group))
    held = {place: grant.quantity for place, grant in bench.existing.items() if place[1] in rules}
    if any(place not in wanted or wanted[place].quantity != quantity for place, quantity in held.items()):
        return True
    # Also one that was taken back a moment ago, because its order is cancelled.
    gone = GiftGrant.objects.filter(order_id__any_of=sorted(leaving)).values_list("rule_id", "sku_id")
    return bool({place[1:] for place in wanted.keys() - held.keys()} & set(gone))


def gift_rules(work: Work) -> dict[int, Rule]:
    """All rules by id, compiled once per version and process."""
    return compiled(work, STAMP, _compile)


def paid_at(order: Order) -> datetime:
    """The instant that decides which rules cover an order."""
    return order.paid_at or order.placed_at


def _wanted_of(bench: _Bench, rule: Rule, group: Sequence[Order]) -> dict[Place, Award]:
    under = [order for order in group if rule.covers(order.shop_id, paid_at(order))]
    if rule.is_cycle or not under:
        return {}
    baskets = [[*under]] if rule.counts_together else [[order] for order in under]
    wanted: dict[Place, Award] = {}
    for basket in baskets:
        awards = earned(rule, [each for order in basket for each in _bought(bench.lines[order.id])])
        wanted.update(((basket[0].id, rule.id, award.sku_id), award) for award in awards)
    return wanted


def _bought(lines: Sequence[OrderLine]) -> list[Bought]:
    """What of an order counts: no gifts, nothing that was refunded or cancelled."""
    bought = []
    for line in lines:
        pieces = line.ordered - line.cancelled
        if line.is_gift or line.sku_id is None or not pieces or line.refund_status == RefundStatus.REFUNDED:
            continue
        amount = line.paid_share if pieces == line.ordered else line.paid_share * pieces / line.ordered
        # A bundle counts by its parts, and by itself.
        bought.append(Bought(line.sku_id, pieces, amount))
        if line.bundle_id is not None:
            bought.append(Bought(line.bundle_id, 0, ZERO))
    return bought


def _bench(work: Work, orders: Mapping[int, Order]) -> _Bench:
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    skus = skus_of(work, [line for group in lines.values() for line in group])
    rows = list(GiftGrant.objects.filter(order_id__any_of=list(orders), ended_at__isnull=True).order_by("pk"))
    work.adopt(GiftGrant, rows)
    fresh = [grant for pk in orders for grant in _given_here(work).get(pk, ())]
    return _Bench(work, orders, lines, skus, {(g.order_id, g.rule_id, g.sku_id): g for g in (*rows, *fresh)})


def _given_here(work: Work) -> dict[int, list[GiftGrant]]:
    """What was given in this unit of work and not taken back since, by order: the database does not know it yet."""
    kept: dict[int, list[GiftGrant]] = work.shared.setdefault("gifts_given", {})
    return kept


def _grant(bench: _Bench, wanted: Mapping[Place, Award], rules: Sequence[Rule], free_of: FreeOf | None) -> None:
    """Give these gifts, as far as limits and stock allow, in the order of the orders."""
    if not wanted:
        return
    by_id = {rule.id: rule for rule in rules}
    _count_buyers(bench, wanted, by_id)
    _lock_counts(bench, [by_id[rule_id] for _, rule_id, _ in wanted if by_id[rule_id].stock_limit is not None])
    needed = {sku_id for (_, rule_id, sku_id) in wanted if by_id[rule_id].needs_stock}
    free = dict(free_of(needed)) if free_of is not None and needed else None
    fresh_lines: list[OrderLine] = []
    for (order_id, rule_id, sku_id), award in sorted(wanted.items(), key=lambda item: item[0]):
        rule, order = by_id[rule_id], bench.orders[order_id]
        count = bench.counts.get(rule_id)
        if rule.stock_limit is not None and count is not None and count.given + award.quantity > rule.stock_limit:
            continue
        if rule.buyer_limit is not None and bench.times[rule_id, order.buyer_key] >= rule.buyer_limit:
            continue
        if rule.needs_stock and free is not None:
            if free.get(sku_id, 0) < award.quantity:
                continue
            free[sku_id] -= award.quantity
        bench.times[rule_id, order.buyer_key] += 1
        if rule.stock_limit is not None and count is not None:
            count.given += award.quantity
            bench.work.save(count, "given", "seen")
        line = _line(bench, order, rule, award)
        fresh_lines.append(line)
        bench.result.given.append(_record(bench, order, rule, award, line))
    bench.work.add(fresh_lines)
    for grant, line in zip(bench.result.given[-len(fresh_lines) :] if fresh_lines else (), fresh_lines, strict=True):
        grant.line_id = line.pk
        _given_here(bench.work).setdefault(grant.order_id, []).append(grant)
    bench.work.add(bench.result.given)


def _line(bench: _Bench, order: Order, rule: Rule, award: Award) -> OrderLine:
    sku = bench.skus.get(award.sku_id)
    if sku is None:
        known = bench.work.shared["skus"]
        sku = known[award.sku_id] = Sku.objects.get(pk=award.sku_id)
    siblings = bench.lines[order.id]
    line = new_row(
        OrderLine,
        order_id=order.id,
        line_no=max((other.line_no for other in siblings), default=0) + 1,
        channel_line_no=f"gift:{rule.id}",
        outer_sku=sku.code[:64],
        title=sku.name[:255],
        sku_id=sku.pk,
        unit_price=ZERO,
        paid_share=ZERO,
        is_gift=True,
        ordered=award.quantity,
        unplanned=award.quantity,
    )
    siblings.append(line)
    return line


def _record(bench: _Bench, order: Order, rule: Rule, award: Award, line: OrderLine) -> GiftGrant:
    return GiftGrant(
        order_id=order.id,
        rule_id=rule.id,
        sku_id=award.sku_id,
        quantity=award.quantity,
        buyer_key=order.buyer_key,
        why={"kind": rule.kind, "value": str(award.value), "from": str(award.from_value)},
        granted_at=bench.work.at,
    )


def _take_back(bench: _Bench, place: Place, grant: GiftGrant, reason: str) -> None:
    line = next((n for n in bench.lines[grant.order_id] if n.pk == grant.line_id), None)
    is_out = line is not None and (line.shipped or (line.released and line.pk not in bench.in_house))
    if is_out:
        bench.result.too_late.append(grant)
        return
    if line is not None:
        if line.reserved or line.released:
            bench.result.unpromised.append(line)
        line.cancelled = line.ordered
        line.unplanned = line.backordered = line.reserved = line.released = 0
        bench.work.save(line, "cancelled", "unplanned", "backordered", "reserved", "released")
    grant.ended_at, grant.end_reason, grant.is_due_back = bench.work.at, reason[:32], False
    bench.work.save(grant, "ended_at", "end_reason", "is_due_back")
    del bench.existing[place]
    here = _given_here(bench.work).get(grant.order_id, [])
    if grant in here:
        here.remove(grant)
    bench.result.ended.append(grant)


def _tell_too_late(bench: _Bench, reason: str) -> None:
    """A case for what cannot be taken back any more; one that was told before is not told again."""
    late = [grant for grant in bench.result.too_late if not grant.is_due_back]
    for grant in late:
        grant.is_due_back = True
        bench.work.save(grant, "is_due_back")
    drafts = [
        CaseDraft(
            code=CASE,
            subject=f"order:{grant.order_id}",
            shop_id=bench.orders[grant.order_id].shop_id,
            reference=bench.orders[grant.order_id].channel_order_no,
            priority=bench.orders[grant.order_id].priority,
            evidence={"gift": bench.skus[grant.sku_id].code, "pieces": grant.quantity, "why": reason},
        )
        for grant in late
    ]
    cases.open_cases(drafts=drafts, work=bench.work)
    owed = {grant.order_id for grant in bench.result.too_late}
    settled = {f"order:{g.order_id}" for g in bench.result.ended if g.order_id not in owed}
    if settled:
        cases.close_cases_of(subjects=settled, codes=[CASE], resolution="the gift was taken back", work=bench.work)


def _count_buyers(bench: _Bench, wanted: Mapping[Place, Award], rules: Mapping[int, Rule]) -> None:
    """How often each buyer of these got a gift of a rule with a limit. One statement, or none without such a rule."""
    limited = {
        (rule_id, bench.orders[order_id].buyer_key)
        for order_id, rule_id, _sku_id in wanted
        if rules[rule_id].buyer_limit is not None
    }
    if not limited:
        return
    rows = GiftGrant.objects.filter(
        rule_id__any_of=sorted({rule_id for rule_id, _ in limited}),
        buyer_key__any_of=sorted({buyer for _, buyer in limited}),
        ended_at__isnull=True,
    )
    gone = {grant.pk for grant in bench.result.ended}
    orders = {(g.rule_id, g.buyer_key, g.order_id) for g in rows if g.pk not in gone}
    for rule_id, buyer, _order_id in orders:
        bench.times[rule_id, buyer] += 1


def _lock_counts(bench: _Bench, rules: Sequence[Rule]) -> None:
    """The counters of these rules, locked in one order; made where absent."""
    missing = sorted({rule.id for rule in rules} - bench.counts.keys())
    if not missing:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_giftcount (rule_id, given, seen) SELECT id, 0, 0 FROM unnest(%s::bigint[]) AS v(id)"
            " ON CONFLICT DO NOTHING",
            [missing],
        )
    bench.counts.update(bench.work.lock(GiftCount, missing))


def _positions(bench: _Bench, rule: Rule, orders: Sequence[Order]) -> dict[int, int]:
    """At which place of the rule's count each order stands, from one."""
    if rule.counts_by == CycleCount.BUYER:
        return _positions_of_buyers(rule, orders)
    _lock_counts(bench, [rule])
    count = bench.counts[rule.id]
    positions = {}
    for order in sorted(orders, key=lambda order: (paid_at(order), order.pk)):
        count.seen += 1
        positions[order.pk] = count.seen
    bench.work.save(count, "given", "seen")
    return positions


def _positions_of_buyers(rule: Rule, orders: Sequence[Order]) -> dict[int, int]:
    sql = """
    SELECT o.id, (SELECT count(*) FROM orders_order p WHERE p.buyer_key = o.buyer_key AND p.shop_id = o.shop_id
                  AND p.paid_at >= %(since)s AND (p.paid_at, p.id) <= (o.paid_at, o.id))
    FROM orders_order o WHERE o.id = ANY(%(ids)s) AND o.buyer_key <> ''
    """
    parameters: dict[str, Any] = {"since": rule.valid_from, "ids": [order.pk for order in orders]}
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        places = dict(cursor.fetchall())
    return defaultdict(int, places)


def _compile() -> dict[int, Rule]:
    rows = GiftRule.objects.prefetch_related("tiers", "triggers").order_by("pk")
    return {
        row.pk: Rule(
            id=row.pk,
            name=row.name,
            kind=row.kind,
            shop_id=row.shop_id,
            tiers=tuple(Tier(t.from_value, t.sku_id, t.quantity) for t in row.tiers.all()),
            triggers=frozenset(t.sku_id for t in row.triggers.all()),
            repeats=row.repeats,
            cycle=row.cycle or 0,
            counts_by=row.counts_by,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            stock_limit=row.stock_limit,
            buyer_limit=row.buyer_limit,
            counts_together=row.counts_together,
            needs_stock=row.needs_stock,
            is_active=row.is_active,
        )
        for row in rows
    }
