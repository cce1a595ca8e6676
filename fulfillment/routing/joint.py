"""Parcels of one order from one warehouse share its stock: the check, and the search for when the cheapest plan fails
it."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.routing.options import Options
from fulfillment.routing.subsets import NEVER, cost_of_more, divisions
from fulfillment.routing.terms import StockView

Part = tuple[int, int]  # mask of groups, index into Options.at
_MOST_LOOKS = 20_000


def fits_together(parts: Sequence[Part], options: Options, stock: StockView) -> bool:
    """Whether the stock holds all parcels at once. Each by itself is known to fit."""
    if len({a for _, a in parts}) == len(parts):
        return True
    pieces: dict[tuple[int, int], int] = {}
    units: dict[int, int] = {}
    parcels: dict[int, int] = {}
    for mask, a in parts:
        w = int(options.at[a])
        parcels[w] = parcels.get(w, 0) + 1
        for g, group in enumerate(options.groups):
            if not mask >> g & 1:
                continue
            for line in group:
                if options.made[g][w] and line.made_to_order:
                    units[w] = units.get(w, 0) + line.quantity
                else:
                    pieces[line.sku_id, w] = pieces.get((line.sku_id, w), 0) + line.quantity
    return (
        all(used <= stock.parcels[w] for w, used in parcels.items())
        and all(used <= stock.units[w] for w, used in units.items())
        and all(used <= stock.pieces[sku][w] for (sku, w), used in pieces.items())
    )


def search_jointly(
    steer: Sequence[Sequence[float]],
    options: Options,
    stock: StockView,
    *,
    split: float,
    unfilled: Sequence[float],
    most_parcels: int | None,
) -> tuple[list[Part], bool]:
    """The cheapest parcels that the stock holds together, and whether all ways were looked at.

    Depth first with the cost of the rest without sharing as a bound; it is close, so few branches are opened.
    """
    lines = len(unfilled)
    whole = (1 << lines) - 1
    bound = cost_of_more([NEVER, *(min(row, default=NEVER) for row in steer)], split, unfilled)[0]
    ways = {left: (rest, pairs) for left, rest, pairs in divisions(lines)}
    ranked = [sorted(range(len(row)), key=row.__getitem__) for row in steer]
    most = lines if most_parcels is None else most_parcels
    best, best_parts, looks = min(sum(unfilled), NEVER), list[Part](), 0
    stack: list[tuple[int, float, list[Part]]] = [(whole, 0.0, [])]
    while stack and looks < _MOST_LOOKS:
        left, cost, parts = stack.pop()
        looks += 1
        if not left:
            if cost < best:
                best, best_parts = cost, parts
            continue
        rest, pairs = ways[left]
        lowest = (left ^ rest).bit_length() - 1
        found = [(cost + unfilled[lowest] + bound[rest] - (0 if parts else split), rest, parts)]
        for part, other in pairs if len(parts) < most else ():
            for a in ranked[part - 1]:
                reached = cost + steer[part - 1][a] + (split if parts else 0) + bound[other]
                if reached >= best:
                    break
                longer = [*parts, (part, a)]
                if fits_together(longer, options, stock):
                    found.append((reached, other, longer))
        # The most promising branch is looked at first.
        for reached, other, longer in sorted(found, key=lambda branch: branch[0], reverse=True):
            if reached < best:
                paid = reached - bound[other] + (0 if longer else split)
                stack.append((other, paid, longer))
    return best_parts, looks < _MOST_LOOKS
