"""The choice of one warehouse for one order: the cheapest that can ship all of it. Plain data in, plain data out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

_SUFFIXES = ("特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "省", "市")


def province_key(name: str) -> str:
    """A province without its administrative suffix: platforms and contracts write it either way."""
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


@dataclass(frozen=True, slots=True)
class Rate:
    """A courier's price from a warehouse: first weight, then steps. Yuan and gram."""

    carrier_id: int
    first_weight_g: int
    first_fee: Decimal
    step_weight_g: int
    step_fee: Decimal

    def cost(self, weight_g: int) -> Decimal:
        """first_fee up to the first weight, then one step_fee for each begun step above it."""
        above = weight_g - self.first_weight_g
        return self.first_fee if above <= 0 else self.first_fee + self.step_fee * -(-above // self.step_weight_g)


@dataclass(frozen=True)
class RateTable:
    """Rates by (warehouse, province_key); province "" is the warehouse's rate for everywhere else."""

    rates: Mapping[tuple[int, str], Sequence[Rate]]
    warehouses: Sequence[int]

    def without(self, warehouse_ids: Collection[int]) -> RateTable:
        """The same rates with these warehouses left out."""
        return replace(self, warehouses=[w for w in self.warehouses if w not in warehouse_ids])

    def cheapest(self, warehouse_id: int, province: str, weight_g: int) -> tuple[Decimal, int] | None:
        """(cost, carrier id) of the cheapest courier, the lower id on a tie; None where no courier goes."""
        rates = self.rates.get((warehouse_id, province_key(province))) or self.rates.get((warehouse_id, ""))
        if not rates:
            return None
        return min((rate.cost(weight_g), rate.carrier_id) for rate in rates)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One warehouse that was looked at. verdict: chosen, dearer, short or no_courier."""

    warehouse_id: int
    verdict: str
    carrier_id: int | None = None
    cost: Decimal | None = None
    short: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """The choice, with everything that was looked at."""

    warehouse_id: int
    carrier_id: int
    cost: Decimal
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Nothing can ship it. short: the SKUs of which no reachable warehouse has enough; empty: no courier goes there."""

    short: tuple[int, ...]
    candidates: tuple[Candidate, ...]


def choose_warehouse(
    needs: Mapping[int, int],
    *,
    province: str,
    weight_g: int,
    free: MutableMapping[tuple[int, int], int],
    table: RateTable,
) -> Route | NoRoute:
    """The cheapest single warehouse that has all pieces free; its stock in `free` is taken, so that the next order sees
    what is left.

    needs: SKU -> pieces. free: (SKU, warehouse) -> pieces that can be promised. Cost in yuan; the lower warehouse id
    wins a tie, so the same input always gives the same answer.
    """
    best: tuple[Decimal, int, int] | None = None
    looked: list[tuple[int, tuple[Decimal, int] | None, tuple[int, ...]]] = []
    for warehouse_id in table.warehouses:
        price = table.cheapest(warehouse_id, province, weight_g)
        short = tuple(sku for sku, pieces in needs.items() if free.get((sku, warehouse_id), 0) < pieces)
        looked.append((warehouse_id, price, short))
        if price is not None and not short and (best is None or (price[0], warehouse_id) < best[:2]):
            best = (price[0], warehouse_id, price[1])
    chosen = best[1] if best else None
    candidates = tuple(_candidate(w, price, short, chosen) for w, price, short in looked)
    if best is None:
        reachable = [set(short) for _, price, short in looked if price is not None]
        missing = set.intersection(*reachable) or set.union(*reachable) if reachable else set()
        return NoRoute(tuple(sorted(missing)), candidates)
    for sku, pieces in needs.items():
        free[sku, best[1]] -= pieces
    return Route(best[1], best[2], best[0], candidates)


def _candidate(
    warehouse_id: int, price: tuple[Decimal, int] | None, short: tuple[int, ...], chosen: int | None
) -> Candidate:
    if price is None:
        return Candidate(warehouse_id, "no_courier", short=short)
    verdict = "short" if short else "chosen" if warehouse_id == chosen else "dearer"
    return Candidate(warehouse_id, verdict, price[1], price[0], short)
