"""Courier prices compiled to arrays: what a parcel of a weight costs from each warehouse with each courier to a zone.

Money is integer fen, weight gram, volume cubic centimetre, time whole days. Nothing here knows the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
# Fen that nobody pays: the price of what cannot be done. Sums of some of them still fit int64 and float64 exactly.
IMPOSSIBLE = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffRow:
    """The price of one lane, as a contract says it.

    zone: digits of the destination's division code, "" for everywhere else. tiers: (up to gram, fen) ascending; heavier
    than the last tier, or without tiers, first weight and begun steps. minimum_fen counts before the surcharge.
    """

    warehouse_id: int
    courier_id: int
    zone: str
    first_g: int = 1000
    first_fen: int
    step_g: int = 1000
    step_fen: int
    tiers: tuple[tuple[int, int], ...] = ()
    minimum_fen: int = 0
    surcharge_fen: int = 0
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierLimits:
    """What holds for a courier (a product of a contract) from one warehouse, wherever the parcel goes.

    divisor: cubic centimetres that count as one kilogram, 0 where volume does not count. Above oversize_g charged
    weight oversize_fen is added; above max_g the courier does not take the parcel (0: no such weight). insurance_ppm
    is a share of the declared value, in millionths.
    """

    divisor: int = 0
    oversize_g: int = 0
    oversize_fen: int = 0
    max_g: int = 0
    insurance_ppm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """All prices of the day, read-only. Z zones, W warehouses, C couriers, T tiers; made by `compile_tariff`.

    Arrays of int64 in C order: [Z, W, C] for a lane, [W, C] for a courier at a warehouse, [Z, W, C, T] for tiers
    (unused tiers are 0 gram). `served` says where a courier goes at all. version names the contracts it was compiled
    from.
    """

    version: str = ""
    warehouses: tuple[int, ...]
    couriers: tuple[int, ...]
    zones: Mapping[str, int]
    served: NDArray[np.bool_]
    first_g: Ints
    first_fen: Ints
    step_g: Ints
    step_fen: Ints
    minimum_fen: Ints
    surcharge_fen: Ints
    days: Ints
    tier_g: Ints
    tier_fen: Ints
    divisor: Ints
    oversize_g: Ints
    oversize_fen: Ints
    max_g: Ints
    insurance_ppm: Ints
    # What the prices do not have needs no arithmetic for each parcel.
    has: frozenset[str] = field(default=frozenset())
    # (first_g, step_g) where they are the same on all lanes: steps are then counted once for all of them.
    even_steps: tuple[int, int] | None = None

    def zone_of(self, division_code: str) -> int:
        """The row of the longest zone that this division code begins with; -1 where no courier goes."""
        for length in (6, 4, 2, 0):
            row = self.zones.get(division_code[:length])
            if row is not None:
                return row
        return -1

    def freight_fen(
        self,
        zone: int | NDArray[np.intp],
        weight_g: Ints,
        volume_cm3: Ints | None = None,
        value_fen: Ints | None = None,
        at: slice | NDArray[np.intp] = slice(None),
    ) -> Ints:
        """What parcels cost, [parcels, W, C]; IMPOSSIBLE where the courier does not go or does not take the weight.

        zone: one row for all parcels, or one for each. at: the warehouses that are asked, by index.
        """
        lane = (
            (np.asarray(zone)[:, None], at) if not isinstance(zone, int) and not isinstance(at, slice) else (zone, at)
        )
        charged = self._charged_g(weight_g, volume_cm3, at)
        first_g, step_g = self.even_steps or (self.first_g[lane], self.step_g[lane])
        steps = np.maximum(-((first_g - charged) // step_g), 0)
        fee: Ints = self.first_fen[lane] + self.step_fen[lane] * steps
        if "tiers" in self.has:
            fee = self._with_tiers(fee, charged, lane)
        if "minimum" in self.has:
            fee = np.maximum(fee, self.minimum_fen[lane])
        if "surcharge" in self.has:
            fee = fee + self.surcharge_fen[lane]
        if "oversize" in self.has:
            limit = self.oversize_g[at]
            fee = fee + np.where((limit > 0) & (charged > limit), self.oversize_fen[at], 0)
        if "insurance" in self.has and value_fen is not None:
            fee = fee + -(-value_fen[:, None, None] * self.insurance_ppm[at] // 1_000_000)
        if "gaps" in self.has:
            fee = np.where(self.served[lane], fee, IMPOSSIBLE)
        if "max" in self.has:
            limit = self.max_g[at]
            fee = np.where((limit > 0) & (charged > limit), IMPOSSIBLE, fee)
        return fee

    def _charged_g(self, weight_g: Ints, volume_cm3: Ints | None, at: slice | NDArray[np.intp]) -> Ints:
        charged: Ints = weight_g[:, None, None]
        if "divisor" in self.has and volume_cm3 is not None and volume_cm3.any():
            divisor = self.divisor[at]
            by_volume = -(-volume_cm3[:, None, None] * 1000 // np.maximum(divisor, 1))
            charged = np.maximum(charged, np.where(divisor > 0, by_volume, 0))
        return charged

    def _with_tiers(self, fee: Ints, charged: Ints, lane: Any) -> Ints:
        tier_g, tier_fen = self.tier_g[lane], self.tier_fen[lane]
        for tier in range(tier_g.shape[-1] - 1, -1, -1):
            # An unused tier is none, even for a parcel that weighs nothing.
            fits = (charged <= tier_g[..., tier]) & (tier_g[..., tier] > 0)
            fee = np.where(fits, tier_fen[..., tier], fee)
        return fee


def compile_tariff(
    rows: Iterable[TariffRow],
    *,
    warehouses: Sequence[int],
    couriers: Sequence[int],
    limits: Mapping[tuple[int, int], CourierLimits] | None = None,
    version: str = "",
) -> Tariff:
    """Arrays of all rows. A zone that a contract does not name gets its longer neighbour's price: 3301 that of 33.

    limits: by (warehouse, courier). Raises ValueError for two rows of one lane, a row of an unknown warehouse or
    courier, and weights or amounts that cannot be.
    """
    by_lane = _by_lane(rows, set(warehouses), set(couriers))
    zones = {zone: row for row, zone in enumerate(sorted({zone for _, _, zone in by_lane}))}
    tiers = max((len(row.tiers) for row in by_lane.values()), default=0)
    shape = (len(zones), len(warehouses), len(couriers))
    lanes = {name: np.zeros(shape, np.int64) for name in _LANE_FIELDS}
    lanes["step_g"] += 1
    served = np.zeros(shape, np.bool_)
    tier_g, tier_fen = np.zeros((*shape, tiers), np.int64), np.zeros((*shape, tiers), np.int64)
    limit_arrays = {name: np.zeros(shape[1:], np.int64) for name in _LIMIT_FIELDS}
    for w, warehouse_id in enumerate(warehouses):
        for c, courier_id in enumerate(couriers):
            for zone, z in zones.items():
                row = _longest(by_lane, warehouse_id, courier_id, zone)
                if row is None:
                    continue
                served[z, w, c] = True
                for name in _LANE_FIELDS:
                    lanes[name][z, w, c] = getattr(row, name)
                for t, (up_to_g, fen) in enumerate(row.tiers):
                    tier_g[z, w, c, t], tier_fen[z, w, c, t] = up_to_g, fen
            if limits is not None and (limit := limits.get((warehouse_id, courier_id))) is not None:
                for name in _LIMIT_FIELDS:
                    limit_arrays[name][w, c] = getattr(limit, name)
    arrays = {**lanes, **limit_arrays, "served": served, "tier_g": tier_g, "tier_fen": tier_fen}
    parts = {**arrays, "gaps": ~served}
    for array in arrays.values():
        array.setflags(write=False)
    return Tariff(
        version=version,
        warehouses=tuple(warehouses),
        couriers=tuple(couriers),
        zones=zones,
        has=frozenset(part for part, name in _PARTS.items() if parts[name].any()),
        even_steps=_even(lanes["first_g"][served], lanes["step_g"][served]),
        **arrays,
    )


def _even(first_g: Ints, step_g: Ints) -> tuple[int, int] | None:
    if not len(first_g) or (first_g != first_g[0]).any() or (step_g != step_g[0]).any():
        return None
    return int(first_g[0]), int(step_g[0])


_LANE_FIELDS = ("first_g", "first_fen", "step_g", "step_fen", "minimum_fen", "surcharge_fen", "days")
_LIMIT_FIELDS = ("divisor", "oversize_g", "oversize_fen", "max_g", "insurance_ppm")
_PARTS = {
    "gaps": "gaps",
    "tiers": "tier_g",
    "minimum": "minimum_fen",
    "surcharge": "surcharge_fen",
    "oversize": "oversize_g",
    "insurance": "insurance_ppm",
    "max": "max_g",
    "divisor": "divisor",
}


def _by_lane(
    rows: Iterable[TariffRow], warehouses: set[int], couriers: set[int]
) -> dict[tuple[int, int, str], TariffRow]:
    by_lane: dict[tuple[int, int, str], TariffRow] = {}
    for row in rows:
        lane = (row.warehouse_id, row.courier_id, row.zone)
        if row.warehouse_id not in warehouses or row.courier_id not in couriers:
            raise ValueError(f"lane {lane}: unknown warehouse or courier")
        if lane in by_lane:
            raise ValueError(f"lane {lane}: two prices")
        if row.step_g <= 0 or min(row.first_g, row.first_fen, row.step_fen, row.days) < 0:
            raise ValueError(f"lane {lane}: a weight, amount or time that cannot be")
        if any(a[0] >= b[0] for a, b in zip(row.tiers, row.tiers[1:], strict=False)):
            raise ValueError(f"lane {lane}: tiers do not ascend")
        by_lane[lane] = row
    return by_lane


def _longest(
    by_lane: Mapping[tuple[int, int, str], TariffRow], warehouse_id: int, courier_id: int, zone: str
) -> TariffRow | None:
    for length in range(len(zone), -1, -1):
        row = by_lane.get((warehouse_id, courier_id, zone[:length]))
        if row is not None:
            return row
    return None
