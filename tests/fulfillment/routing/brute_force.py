"""The cheapest plan of one order by trying everything: slow, and independent of how the core does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import product

from fulfillment.routing.tariff import Tariff
from fulfillment.routing.terms import Choice, Costs, LineNeed, OrderNeed, Prices, StockView

Block = tuple[list[LineNeed], int, int]


def parcel_fee_fen(tariff: Tariff, zone: int, w: int, c: int, weight_g: int, volume_cm3: int) -> int | None:
    """What the courier takes, in plain arithmetic; None where it does not take the parcel."""
    if zone < 0 or not tariff.served[zone, w, c]:
        return None
    charged = weight_g
    if divisor := int(tariff.divisor[w, c]):
        charged = max(charged, -(-volume_cm3 * 1000 // divisor))
    if (most := int(tariff.max_g[w, c])) and charged > most:
        return None
    for up_to_g, fen in zip(tariff.tier_g[zone, w, c].tolist(), tariff.tier_fen[zone, w, c].tolist(), strict=True):
        if charged <= up_to_g:
            fee = fen
            break
    else:
        above = charged - int(tariff.first_g[zone, w, c])
        steps = -(-above // int(tariff.step_g[zone, w, c])) if above > 0 else 0
        fee = int(tariff.first_fen[zone, w, c]) + steps * int(tariff.step_fen[zone, w, c])
    fee = max(fee, int(tariff.minimum_fen[zone, w, c])) + int(tariff.surcharge_fen[zone, w, c])
    if (oversize := int(tariff.oversize_g[w, c])) and charged > oversize:
        fee += int(tariff.oversize_fen[w, c])
    return fee


def is_made(line: LineNeed, w: int, stock: StockView) -> bool:
    held = stock.pieces.get(line.sku_id)
    return line.made_to_order and not (held is not None and held[w] >= line.quantity)


def block_cost(
    block: Block,
    order: OrderNeed,
    stock: StockView,
    tariff: Tariff,
    prices: Prices | None,
    costs: Costs,
    made: Collection[int] | None = None,
) -> float | None:
    """Fen of one parcel, with its shadow price; None where it cannot be. made: ids of the lines that are made; None:
    those of which the stock has too little."""
    lines, w, c = block
    if made is None:
        made = [line.line_id for line in lines if is_made(line, w, stock)]
    fee = parcel_fee_fen(tariff, order.zone, w, c, sum(i.weight_g for i in lines), sum(i.volume_cm3 for i in lines))
    if fee is None or len({line.parcel_class for line in lines}) > 1:
        return None
    if tariff.warehouses[w] in order.excluded or order.pinned_warehouse_id not in (None, tariff.warehouses[w]):
        return None
    if order.allowed is not None and not order.allowed[w, c]:
        return None
    if order.extra_fen is not None:
        fee += int(order.extra_fen[w, c])
    ready = int(costs.dispatch_days[w]) + (int(costs.make_days[w]) if made else 0)
    if order.promise_days is not None:
        days = int(tariff.days[order.zone, w, c]) + ready
        fee += max(0, days - order.promise_days) * costs.late_fen[order.priority]
    cost: float = fee + int(costs.handling_fen[w])
    if prices is not None:
        cost += float(prices.parcel[w])
        for line in lines:
            if line.line_id in made:
                cost += line.quantity * float(prices.unit[w])
            elif line.sku_id in prices.stock:
                cost += line.quantity * float(prices.stock[line.sku_id][w])
    return cost


def fits(blocks: Sequence[Block], stock: StockView, made: Collection[int] | None = None) -> bool:
    """Whether stock, units and parcels are enough for all blocks together. made: as in block_cost."""
    pieces: Counter[tuple[int, int]] = Counter()
    units: Counter[int] = Counter()
    parcels: Counter[int] = Counter()
    for lines, w, _ in blocks:
        parcels[w] += 1
        for line in lines:
            if line.line_id in made if made is not None else is_made(line, w, stock):
                units[w] += line.quantity
            else:
                pieces[line.sku_id, w] += line.quantity
    none = [0] * len(stock.units)
    return (
        all(used <= stock.pieces.get(sku, none)[w] for (sku, w), used in pieces.items())
        and all(used <= stock.units[w] for w, used in units.items())
        and all(used <= stock.parcels[w] for w, used in parcels.items())
    )


def cheapest_by_trying_all(
    order: OrderNeed,
    stock: StockView,
    tariff: Tariff,
    prices: Prices | None,
    costs: Costs,
    unfilled_fen: float,
) -> float | None:
    """The lowest cost of any plan, None where there is no plan at all."""
    best: float | None = None
    sites = list(product(range(len(tariff.warehouses)), range(len(tariff.couriers))))
    ways: dict[tuple[int, ...], list[tuple[Block, float]]] = {}
    for served, missing in _partitions(list(order.lines)):
        if (missing and not order.is_partial) or (order.max_parcels is not None and len(served) > order.max_parcels):
            continue
        for lines in served:
            key = tuple(line.line_id for line in lines)
            if key not in ways:
                blocks = [(lines, w, c) for w, c in sites if fits([(lines, w, c)], stock)]
                each = [(block, block_cost(block, order, stock, tariff, prices, costs)) for block in blocks]
                ways[key] = [(block, cost) for block, cost in each if cost is not None]
        fixed = costs.split_fen * max(len(served) - 1, 0) + missing * unfilled_fen
        for plan in product(*(ways[tuple(line.line_id for line in lines)] for lines in served)):
            cost = fixed + sum(cost for _, cost in plan)
            if (best is None or cost < best) and fits([block for block, _ in plan], stock):
                best = cost
    return best


def plan_cost(choice: Choice, unfilled_fen: float) -> float:
    """What a choice costs, prices included, with this penalty for each line left out."""
    price = sum(parcel.price_fen for parcel in choice.parcels)
    return choice.cost_fen + price + unfilled_fen * len(choice.unfilled_line_ids)


def _partitions(lines: list[LineNeed]) -> Iterator[tuple[list[list[LineNeed]], int]]:
    """All ways to part the lines into parcels, and how many are left out."""
    if not lines:
        yield [], 0
        return
    for parts, missing in _partitions(lines[1:]):
        yield parts, missing + 1
        yield [[lines[0]], *parts], missing
        for i, part in enumerate(parts):
            yield [*parts[:i], [lines[0], *part], *parts[i + 1 :]], missing
