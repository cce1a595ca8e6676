"""The same choice in a fraction of the time, for the orders that one warehouse ships whole and no split can beat.

Most orders are such. What a parcel costs from each warehouse is worked out once per destination, weight and ruling, and
remembered; a bound shows that no split is cheaper. Where that does not hold, the answer is None and `choice.choose`
decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fulfillment.routing.rules import Ruling
from fulfillment.routing.tariff import IMPOSSIBLE, Ints, Tariff
from fulfillment.routing.terms import Candidate, Choice, Costs, OrderNeed, Parcel, Prices, StockView

_MOST_REMEMBERED = 200_000


@dataclass(frozen=True, slots=True)
class WholeParcels:
    """One parcel from each warehouse with its best courier, by warehouse index; cost IMPOSSIBLE where there is none."""

    cost: tuple[int, ...]
    courier: tuple[int, ...]
    freight: tuple[int, ...]
    late: tuple[int, ...]
    extra: tuple[int, ...]
    days: tuple[int, ...]


class QuickChoice:
    """Remembers parcels for one tariff and one set of costs."""

    def __init__(self, tariff: Tariff, costs: Costs, prices: Prices | None):
        self.tariff, self.costs, self.prices = tariff, costs, prices
        self._handling: list[int] = costs.handling_fen.tolist()
        self._parcels: dict[tuple[int, ...], WholeParcels] = {}
        self._floors: dict[tuple[int, ...], int] = {}
        self._stock_prices: dict[int, list[float]] = {}
        self._parcel_prices: list[float] = prices.parcel.tolist() if prices is not None else []
        self._uses_value = "insurance" in tariff.has

    def choose(self, order: OrderNeed, ruling: Ruling, stock: StockView) -> Choice | None:
        """The cheapest single parcel where it is surely the cheapest of all ways; None where that is not sure.

        order: without restrictions on single lines; what `ruling` allows and adds is taken from there.
        """
        if order.zone < 0 or order.max_parcels == 0 or order.boxing is not None:
            return None
        if any(line.allowed is not None or line.made_to_order for line in order.lines):
            return None
        if any(line.parcel_class != order.lines[0].parcel_class for line in order.lines):
            return None
        weight = sum([line.weight_g for line in order.lines])
        parcels = self._of(order, ruling, weight)
        held, shorts = self._holders(order, stock)
        prices = self._prices(order)
        best, best_total = -1, 0.0
        pinned, excluded = order.pinned_warehouse_id, order.excluded
        left, ids = stock.parcels, self.tariff.warehouses
        for w, has_all in enumerate(held):
            if not has_all or parcels.cost[w] >= IMPOSSIBLE or left[w] <= 0 or ids[w] in excluded:
                continue
            if pinned is not None and ids[w] != pinned:
                continue
            total = parcels.cost[w] + (prices[w] if prices else 0.0)
            if best < 0 or total < best_total:
                best, best_total = w, total
        if best < 0:
            return None
        if len(order.lines) > 1 and order.max_parcels != 1:
            if best_total > self.costs.split_fen + 2 * self._floor(order, ruling):
                return None
        return self._choice(order, ruling, parcels, best, weight, shorts, prices)

    def whole_parcels(self, order: OrderNeed, ruling: Ruling) -> WholeParcels | None:
        """What one parcel of the whole order costs from each warehouse, by term; None where that cannot be said."""
        if order.zone < 0 or any(line.allowed is not None or line.made_to_order for line in order.lines):
            return None
        if order.boxing is not None:
            everywhere = range(len(self.tariff.warehouses))
            freight, boxes = order.boxing.freight(self.tariff, order.zone, [order.lines], everywhere)
            return self._with_terms(order, ruling, freight[0], boxes[0])
        return self._of(order, ruling, sum([line.weight_g for line in order.lines]))

    def with_whole_costs(self, choice: Choice, order: OrderNeed, ruling: Ruling) -> Choice:
        """The choice, its candidates with what one parcel of the whole order would cost from each, had it the goods."""
        parcels = self.whole_parcels(order, ruling)
        if parcels is None:
            return choice
        index = {warehouse_id: w for w, warehouse_id in enumerate(self.tariff.warehouses)}
        prices = self._prices(order)
        candidates = []
        for candidate in choice.candidates:
            w = index[candidate.warehouse_id]
            if parcels.cost[w] < IMPOSSIBLE:
                courier_id = self.tariff.couriers[parcels.courier[w]]
                price = prices[w] if prices else 0.0
                candidate = replace(candidate, cost_fen=parcels.cost[w], courier_id=courier_id, price_fen=price)
            candidates.append(candidate)
        return replace(choice, candidates=tuple(candidates))

    def _holders(self, order: OrderNeed, stock: StockView) -> tuple[list[bool], dict[int, tuple[int, ...]]]:
        """By warehouse index, whether it has everything; and which lines those that have not are short of."""
        wanted: dict[int, int] = {}
        for line in order.lines:
            wanted[line.sku_id] = wanted.get(line.sku_id, 0) + line.quantity
        held = [True] * len(self.tariff.warehouses)
        shorts: dict[int, tuple[int, ...]] = {}
        for sku_id, pieces in wanted.items():
            row = stock.pieces.get(sku_id)
            for w in range(len(held)):
                if row is None or row[w] < pieces:
                    held[w] = False
                    lacking = tuple([line.line_id for line in order.lines if line.sku_id == sku_id])
                    shorts[w] = shorts.get(w, ()) + lacking
        return held, shorts

    def _prices(self, order: OrderNeed) -> list[float] | None:
        if self.prices is None:
            return None
        total = list(self._parcel_prices)
        for line in order.lines:
            row = self._stock_prices.get(line.sku_id)
            if row is None:
                known = self.prices.stock.get(line.sku_id)
                row = self._stock_prices[line.sku_id] = known.tolist() if known is not None else []
            if row:
                total = [a + b * line.quantity for a, b in zip(total, row, strict=True)]
        return total

    def _of(self, order: OrderNeed, ruling: Ruling, weight: int) -> WholeParcels:
        volume = sum([line.volume_cm3 for line in order.lines])
        value = sum([line.value_fen for line in order.lines]) if self._uses_value else 0
        promise = -1 if order.promise_days is None else order.promise_days
        key = (order.zone, weight, volume, value, promise, order.priority, ruling.serial)
        found = self._parcels.get(key)
        if found is None:
            if len(self._parcels) >= _MOST_REMEMBERED:
                self._parcels.clear()
            found = self._parcels[key] = self._work_out(order, ruling, weight, volume, value)
        return found

    def _floor(self, order: OrderNeed, ruling: Ruling) -> int:
        """What any parcel there costs at least, however light."""
        promise = -1 if order.promise_days is None else order.promise_days
        key = (order.zone, promise, order.priority, ruling.serial)
        floor = self._floors.get(key)
        if floor is None:
            tariff, zone = self.tariff, order.zone
            fee = tariff.first_fen[zone]
            for tier in range(tariff.tier_fen.shape[-1]):
                fee = np.where(
                    tariff.tier_g[zone, :, :, tier] > 0, np.minimum(fee, tariff.tier_fen[zone, :, :, tier]), fee
                )
            fee = (
                np.maximum(fee, tariff.minimum_fen[zone])
                + tariff.surcharge_fen[zone]
                + self.costs.handling_fen[:, None]
            )
            if ruling.extra_fen is not None:
                fee = fee + ruling.extra_fen
            fee = np.where(tariff.served[zone], fee, IMPOSSIBLE)
            floor = self._floors[key] = int(fee.min(initial=IMPOSSIBLE))
        return floor

    def _work_out(self, order: OrderNeed, ruling: Ruling, weight: int, volume: int, value: int) -> WholeParcels:
        def one(number: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
            return np.array([number], np.int64)

        return self._with_terms(
            order, ruling, self.tariff.freight_fen(order.zone, one(weight), one(volume), one(value))[0], 1
        )

    def _with_terms(self, order: OrderNeed, ruling: Ruling, freight: Ints, boxes: Ints | int) -> WholeParcels:
        days = self.tariff.days[order.zone] + self.costs.dispatch_days[:, None]
        late = np.zeros_like(freight)
        if order.promise_days is not None:
            late = np.maximum(days - order.promise_days, 0) * self.costs.late_fen[order.priority]
        extra = ruling.extra_fen if ruling.extra_fen is not None else np.zeros_like(freight)
        fee = freight + late + extra
        if ruling.allowed is not None:
            fee = np.where(ruling.allowed, fee, IMPOSSIBLE)
        fee = np.where(freight >= IMPOSSIBLE, IMPOSSIBLE, fee)
        courier = fee.argmin(axis=1)
        at = (np.arange(len(courier)), courier)
        cost = np.minimum(fee[at] + self.costs.handling_fen * boxes, IMPOSSIBLE)
        return WholeParcels(
            tuple(cost.tolist()),
            tuple(courier.tolist()),
            tuple(freight[at].tolist()),
            tuple(late[at].tolist()),
            tuple(extra[at].tolist()),
            tuple(days[at].tolist()),
        )

    def _choice(
        self,
        order: OrderNeed,
        ruling: Ruling,
        parcels: WholeParcels,
        best: int,
        weight: int,
        shorts: Mapping[int, tuple[int, ...]],
        prices: Sequence[float] | None,
    ) -> Choice:
        ids, couriers = self.tariff.warehouses, self.tariff.couriers
        candidates = []
        for w, warehouse_id in enumerate(ids):
            short = shorts.get(w, ())
            if w == best:
                verdict = "chosen"
            elif warehouse_id in order.excluded:
                verdict = "excluded"
            elif order.pinned_warehouse_id is not None and order.pinned_warehouse_id != warehouse_id:
                verdict = "not_pinned"
            elif parcels.cost[w] >= IMPOSSIBLE:
                candidates.append(Candidate(warehouse_id, "no_courier", short_line_ids=short))
                continue
            else:
                verdict = "short" if short else "dearer"
            cost = parcels.cost[w] if parcels.cost[w] < IMPOSSIBLE else None
            courier_id = couriers[parcels.courier[w]] if cost is not None else None
            price = prices[w] if prices else 0.0
            rule = order.excluded.get(warehouse_id, "")
            candidates.append(Candidate(warehouse_id, verdict, cost, price, courier_id, short, rule))  # type: ignore[arg-type]
        line_ids = tuple([line.line_id for line in order.lines])
        parcel = Parcel(
            warehouse=best,
            courier=parcels.courier[best],
            warehouse_id=ids[best],
            courier_id=couriers[parcels.courier[best]],
            line_ids=line_ids,
            made_line_ids=(),
            weight_g=weight,
            days=parcels.days[best],
            freight_fen=parcels.freight[best],
            handling_fen=self._handling[best],
            late_fen=parcels.late[best],
            extra_fen=parcels.extra[best],
            price_fen=prices[best] if prices else 0.0,
        )
        return Choice(order.order_id, (parcel,), (), 0, 0, tuple(candidates), "exact")
