"""The choice for one order: the cheapest of all ways to divide its lines over warehouses and couriers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fulfillment.routing.joint import Part, fits_together, search_jointly
from fulfillment.routing.options import Group, Options, options_of, sources
from fulfillment.routing.subsets import MOST_LINES, NEVER, divide
from fulfillment.routing.tariff import IMPOSSIBLE, Tariff
from fulfillment.routing.terms import (
    Candidate,
    Choice,
    Costs,
    LineNeed,
    Method,
    OrderNeed,
    Parcel,
    Prices,
    StockView,
    Verdict,
)

# What a line left out costs beside prices: they steer which warehouse serves it, they never decide whether one does.
_RATHER_ANY = 1e7


def choose(order: OrderNeed, stock: StockView, tariff: Tariff, prices: Prices | None, costs: Costs) -> Choice:
    """The cheapest way to serve the order from what is left in `stock`, which stays as it is.

    Cost is freight + handling + lateness + what rules add, split_fen for each parcel after the first, unfilled_fen
    for each line left out; prices, where given, are added to what is compared, not to what it costs, and with them
    every line that can be served is served. Exact for up to six lines. Beyond, lines with the same warehouses stay
    together, and what does not fit into six groups or finds no place as a group is placed afterwards, six lines at a
    time. Ties go to the lower warehouse and courier index: the same input gives the same answer.
    """
    may_ship = _may_ship(order, stock, tariff)
    if len(order.lines) <= MOST_LINES:
        options = options_of(
            [(line,) for line in order.lines],
            order,
            may_ship=may_ship,
            stock=stock,
            tariff=tariff,
            prices=prices,
            costs=costs,
        )
        parts, is_exact = _best_parts(order, options, stock, costs)
        parcels = [_parcel(order, options, part, tariff, costs) for part in parts]
        chosen = {parcel.warehouse for parcel in parcels}
        candidates = _candidates(order, options, stock, tariff, may_ship, chosen, costs)
        return _choice(order, parcels, candidates, "exact" if is_exact else "greedy", costs)
    return _choose_for_many_lines(order, stock, tariff, prices, costs, may_ship)


def look_around(
    order: OrderNeed, stock: StockView, tariff: Tariff, prices: Prices | None, costs: Costs, chosen: Collection[int]
) -> tuple[Candidate, ...]:
    """What each warehouse could do for the order, for one whose plan came from a backlog. stock: with what the order
    itself takes given back. chosen: indexes of the warehouses that ship it."""
    return _candidates_by_warehouse(order, stock, tariff, prices, costs, chosen)


def _may_ship(order: OrderNeed, stock: StockView, tariff: Tariff) -> list[bool]:
    if order.zone < 0:
        return [False] * len(stock.parcels)
    may = [left > 0 for left in stock.parcels]
    pinned = order.pinned_warehouse_id
    if order.excluded or pinned is not None:
        for w, warehouse_id in enumerate(tariff.warehouses):
            if warehouse_id in order.excluded or (pinned is not None and pinned != warehouse_id):
                may[w] = False
    return may


def _best_parts(
    order: OrderNeed, options: Options, stock: StockView, costs: Costs, parcels_before: int = 0
) -> tuple[list[Part], bool]:
    """The parcels of the cheapest plan, and whether it is surely the cheapest."""
    most = None if order.max_parcels is None else order.max_parcels - parcels_before
    split = float(costs.split_fen)
    unfilled = _unfilled(order, options, costs)
    steer = options.money.astype(float) if options.price is None else options.money + options.price
    if parcels_before:
        steer = steer + split
    if not steer.shape[1]:
        return [], True
    nearest = steer.argmin(axis=1).tolist()
    rows = steer.tolist()
    parcel = [NEVER, *(row[a] for row, a in zip(rows, nearest, strict=True))]
    masks = divide(parcel, split=split, unfilled=unfilled, most_parcels=most)
    if masks is None:
        return [], True
    parts = [(mask, nearest[mask - 1]) for mask in masks]
    if fits_together(parts, options, stock):
        return parts, True
    return search_jointly(rows, options, stock, split=split, unfilled=unfilled, most_parcels=most)


def _unfilled(order: OrderNeed, options: Options, costs: Costs) -> list[float]:
    if not order.is_partial and len(order.lines) <= MOST_LINES:
        return [NEVER] * len(options.groups)
    each = float(costs.unfilled_fen[order.priority])
    if options.price is not None:
        each += _RATHER_ANY
    return [each * len(group) for group in options.groups]


def _choose_for_many_lines(
    order: OrderNeed, stock: StockView, tariff: Tariff, prices: Prices | None, costs: Costs, may_ship: Sequence[bool]
) -> Choice:
    left = stock.copy_for(order)
    groups = _groups(order.lines, may_ship, left, costs)
    method: Method = "merged" if len(groups) <= MOST_LINES else "greedy"
    parcels: list[Parcel] = []
    rounds = [sorted(groups, key=len, reverse=True)[:MOST_LINES]]
    is_first = True
    while rounds:
        options = options_of(
            rounds.pop(0), order, may_ship=may_ship, stock=left, tariff=tariff, prices=prices, costs=costs
        )
        parts, _ = _best_parts(order, options, left, costs, len(parcels))
        placed = [_parcel(order, options, part, tariff, costs) for part in parts]
        left.take(order, _choice(order, placed, (), method, costs))
        may_ship = [may and left.parcels[w] > 0 for w, may in enumerate(may_ship)]
        if is_first:
            is_first = False
            served = {line_id for parcel in placed for line_id in parcel.line_ids}
            rest: list[Group] = [(line,) for line in order.lines if line.line_id not in served]
            rounds = [rest[i : i + MOST_LINES] for i in range(0, len(rest), MOST_LINES)]
            method = "greedy" if rest else method
        parcels += placed
    unserved = len(order.lines) - sum(len(parcel.line_ids) for parcel in parcels)
    if unserved and not order.is_partial:
        parcels = []
    candidates = _candidates_by_warehouse(order, stock, tariff, prices, costs, {parcel.warehouse for parcel in parcels})
    return _choice(order, parcels, candidates, method, costs)


def _groups(lines: Sequence[LineNeed], may_ship: Sequence[bool], stock: StockView, costs: Costs) -> list[Group]:
    """Lines with the same warehouses and parcel class together."""
    by_holders: dict[tuple[object, ...], list[LineNeed]] = {}
    for line in lines:
        held, made = sources(line, stock, costs)
        key = (tuple(a and b for a, b in zip(held, may_ship, strict=True)), any(made), line.parcel_class)
        by_holders.setdefault(key, []).append(line)
    return [tuple(group) for group in by_holders.values()]


def _parcel(order: OrderNeed, options: Options, part: Part, tariff: Tariff, costs: Costs) -> Parcel:
    mask, a = part
    w, c = int(options.at[a]), int(options.courier[mask - 1, a])
    lines = [(line, options.made[g][w]) for g, group in enumerate(options.groups) if mask >> g & 1 for line in group]
    days = int(tariff.days[order.zone, w, c] + options.ready[(mask - 1) % len(options.ready), a])
    boxes = int(options.boxes[mask - 1, a]) if options.boxes is not None else 1
    late_days = max(days - order.promise_days, 0) if order.promise_days is not None else 0
    return Parcel(
        warehouse=w,
        courier=c,
        warehouse_id=tariff.warehouses[w],
        courier_id=tariff.couriers[c],
        line_ids=tuple(line.line_id for line, _ in lines),
        made_line_ids=tuple(line.line_id for line, made in lines if made and line.made_to_order),
        weight_g=int(options.weight_g[mask - 1]),
        days=days,
        freight_fen=int(options.freight[mask - 1, a, c]),
        handling_fen=int(costs.handling_fen[w]) * boxes,
        late_fen=late_days * costs.late_fen[order.priority],
        extra_fen=int(order.extra_fen[w, c]) if order.extra_fen is not None else 0,
        price_fen=float(options.price[mask - 1, a]) if options.price is not None else 0.0,
        boxes=boxes,
    )


def _choice(
    order: OrderNeed, parcels: Sequence[Parcel], candidates: tuple[Candidate, ...], method: Method, costs: Costs
) -> Choice:
    served = {line_id for parcel in parcels for line_id in parcel.line_ids}
    unfilled = tuple(line.line_id for line in order.lines if line.line_id not in served)
    return Choice(
        order_id=order.order_id,
        parcels=tuple(parcels),
        unfilled_line_ids=unfilled,
        split_fen=costs.split_fen * max(len(parcels) - 1, 0),
        unfilled_fen=costs.unfilled_fen[order.priority] * len(unfilled),
        candidates=candidates,
        method=method,
    )


def _candidates(
    order: OrderNeed,
    options: Options,
    stock: StockView,
    tariff: Tariff,
    may_ship: Sequence[bool],
    chosen: Collection[int],
    costs: Costs,
) -> tuple[Candidate, ...]:
    place = {w: a for a, w in enumerate(options.at.tolist())}
    return tuple(
        _candidate(order, options, stock, tariff, w, place.get(w), w in chosen, costs) for w in range(len(may_ship))
    )


def _candidate(
    order: OrderNeed,
    options: Options,
    stock: StockView,
    tariff: Tariff,
    w: int,
    a: int | None,
    is_chosen: bool,
    costs: Costs,
) -> Candidate:
    warehouse_id = tariff.warehouses[w]
    short: tuple[int, ...] = ()
    mask = 0
    for g, held in enumerate(options.held):
        if held[w]:
            mask |= 1 << g
    if mask + 1 < 1 << len(options.held):
        lacking = (group for g, group in enumerate(options.groups) if not mask >> g & 1)
        short = tuple(line.line_id for group in lacking for line in group)
    if a is None or not mask:
        pinned = order.pinned_warehouse_id
        if warehouse_id in order.excluded:
            return Candidate(warehouse_id, "excluded", short_line_ids=short, rule=order.excluded[warehouse_id])
        if pinned is not None and pinned != warehouse_id:
            return Candidate(warehouse_id, "not_pinned", short_line_ids=short)
        if order.zone < 0:
            return Candidate(warehouse_id, "no_courier", short_line_ids=short)
        return Candidate(warehouse_id, "full" if stock.parcels[w] <= 0 else "short", short_line_ids=short)
    cost_fen = int(options.money[mask - 1, a])
    is_possible = cost_fen < IMPOSSIBLE
    # Where one parcel of all that it has cannot be (classes apart, too heavy), it may still ship a part.
    verdict: Verdict = "chosen" if is_chosen else "short" if short else "dearer" if is_possible else "no_courier"
    if not is_possible:
        return Candidate(warehouse_id, verdict, short_line_ids=short)
    price = float(options.price[mask - 1, a]) if options.price is not None else 0.0
    c = int(options.courier[mask - 1, a])
    if not any(made[w] for g, made in enumerate(options.made) if mask >> g & 1):
        return Candidate(warehouse_id, verdict, cost_fen, price, tariff.couriers[c], short)
    one = _parcel(order, options, (mask, a), tariff, costs)
    ready_days = int(options.ready[(mask - 1) % len(options.ready), a] - costs.dispatch_days[w])
    terms = (one.freight_fen, one.late_fen, one.extra_fen)
    return Candidate(
        warehouse_id, verdict, cost_fen, price, tariff.couriers[c], short, terms=terms, ready_days=ready_days
    )


def _candidates_by_warehouse(
    order: OrderNeed,
    stock: StockView,
    tariff: Tariff,
    prices: Prices | None,
    costs: Costs,
    chosen: Collection[int],
) -> tuple[Candidate, ...]:
    """What each warehouse has of the order is one group, what it lacks another."""
    may_ship = _may_ship(order, stock, tariff)
    looked = []
    for w in range(len(may_ship)):
        has = tuple(line for line in order.lines if sources(line, stock, costs)[0][w])
        lacks = tuple(line for line in order.lines if line not in has)
        only = [may and at == w for at, may in enumerate(may_ship)]
        options = options_of(
            [group for group in (has, lacks) if group],
            order,
            may_ship=only,
            stock=stock,
            tariff=tariff,
            prices=prices,
            costs=costs,
        )
        place = 0 if len(options.at) else None
        looked.append(_candidate(order, options, stock, tariff, w, place, w in chosen, costs))
    return tuple(looked)
