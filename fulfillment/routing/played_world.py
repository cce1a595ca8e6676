"""Seeded worlds to measure and test with: warehouses, contracts, goods and stock, and as many days of orders as wished.

Prices have the shape of courier contracts, their level is made up: no courier's real tariff. Destinations follow the
population of the provinces. Days of one world differ in their orders alone, so that one can learn from another.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Division code, latitude and longitude of the capital, people of the census of 2020 in ten thousands.
_PROVINCES = (
    (11, 39.9, 116.4, 2189),
    (12, 39.1, 117.2, 1387),
    (13, 38.0, 114.5, 7461),
    (14, 37.9, 112.5, 3492),
    (15, 40.8, 111.7, 2405),
    (21, 41.8, 123.4, 4259),
    (22, 43.9, 125.3, 2407),
    (23, 45.8, 126.6, 3185),
    (31, 31.2, 121.5, 2487),
    (32, 32.1, 118.8, 8475),
    (33, 30.3, 120.2, 6457),
    (34, 31.9, 117.3, 6103),
    (35, 26.1, 119.3, 4154),
    (36, 28.7, 115.9, 4519),
    (37, 36.7, 117.0, 10153),
    (41, 34.8, 113.7, 9937),
    (42, 30.6, 114.3, 5775),
    (43, 28.2, 113.0, 6644),
    (44, 23.1, 113.3, 12601),
    (45, 22.8, 108.4, 5013),
    (46, 20.0, 110.3, 1008),
    (50, 29.6, 106.5, 3205),
    (51, 30.7, 104.1, 8367),
    (52, 26.6, 106.7, 3856),
    (53, 25.0, 102.7, 4721),
    (54, 29.7, 91.1, 365),
    (61, 34.3, 108.9, 3953),
    (62, 36.1, 103.8, 2502),
    (63, 36.6, 101.8, 592),
    (64, 38.5, 106.3, 720),
    (65, 43.8, 87.6, 2585),
)
_SITES = (33, 44, 12, 42, 51, 41, 61, 21, 32, 37, 43, 50, 35, 13, 45, 53, 65, 23, 52, 34)
_FAR = {54: 2, 65: 2, 63: 1, 62: 1, 15: 1, 64: 1, 46: 1}
# name, first kilogram, more for each zone, further kilogram, km a day, days at least, more for far provinces
_COURIERS = (
    ("CHEAP", 2.6, 0.75, 0.9, 560, 1.2, 6.0),
    ("POST", 4.2, 0.55, 1.1, 430, 1.6, 1.5),
    ("GROUND", 6.5, 1.10, 1.6, 800, 0.8, 5.0),
    ("AIR", 11.5, 1.90, 3.0, 1500, 0.5, 5.0),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """stock: of the expected demand. places: share of warehouses that hold a SKU. lines: chance of 1, 2 ... lines.
    parcels: capacity, of the expected number of orders. made: share of SKUs made to order. skew: of demand over SKUs.
    rush: share."""

    stock: float = 1.10
    places: float = 0.45
    lines: tuple[float, ...] = (0.58, 0.22, 0.11, 0.06, 0.03)
    parcels: float = 1.25
    made: float = 0.06
    split: float = 4.0
    skew: float = 1.05
    rush: float = 0.08


SHAPES = {
    "base": Shape(),
    "scarce": Shape(stock=0.92, places=0.35, lines=(0.50, 0.24, 0.13, 0.08, 0.05), parcels=1.18, rush=0.12),
    "promo": Shape(stock=1.0, places=0.6, lines=(0.80, 0.12, 0.05, 0.02, 0.01), parcels=1.09, made=0.02, skew=1.6),
    "baskets": Shape(places=0.35, lines=(0.2, 0.2, 0.2, 0.2, 0.2), parcels=1.34, made=0.08, split=6.0, skew=1.0),
    "factory": Shape(stock=1.15, places=0.3, lines=(0.60, 0.20, 0.10, 0.06, 0.04), made=0.30, rush=0.10),
}


class World:
    """Everything but the orders of a day. The stock was bought for a day that is never handed out."""

    def __init__(self, *, warehouses: int, orders: int, skus: int | None = None, seed: int = 1, shape: str = "base"):
        if not 1 <= warehouses <= len(_SITES):
            raise ValueError(f"from 1 to {len(_SITES)} warehouses, not {warehouses}")
        self.warehouses, self.orders, self.seed, self.shape = warehouses, orders, seed, SHAPES[shape]
        random = np.random.default_rng([seed, warehouses, orders])
        self.skus = skus or max(20, int(8 * orders**0.5))
        codes = [code for code, *_ in _PROVINCES]
        self.sites = [codes.index(code) for code in _SITES[:warehouses]]
        place = np.array([(lat, lon) for _, lat, lon, _ in _PROVINCES])
        people = np.array([many for *_, many in _PROVINCES], float)
        self.people = people / people.sum()
        self.km = _km(place[self.sites][:, None], place[None])
        self.km[np.arange(warehouses), self.sites] = 100
        self.weight_g = np.clip(np.exp(random.normal(6.36, 0.75, self.skus)), 50, 12_000).astype(np.int64) // 10 * 10
        self.made = random.random(self.skus) < self.shape.made
        demand = 1 / np.arange(1, self.skus + 1) ** self.shape.skew
        self.demand = random.permutation(demand / demand.sum())
        self._contracts(random)
        self._stock(random)

    def _contracts(self, random: np.random.Generator) -> None:
        far = np.array([_FAR.get(code, 0) for code, *_ in _PROVINCES])
        zone = np.minimum(4, self.km // 450)
        own = random.uniform(0.88, 1.12, (self.warehouses, len(_COURIERS)))
        shape = (self.warehouses, len(_COURIERS), len(_PROVINCES))
        self.first, self.step, self.days = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64)
        for c, (_, first, zone_fee, step, speed, least, remote) in enumerate(_COURIERS):
            self.first[:, c] = np.round((first + zone_fee * zone + remote * far) * own[:, c : c + 1], 1)
            self.step[:, c] = np.round((step * (1 + 0.45 * zone) + remote * far / 3) * own[:, c : c + 1], 1)
            self.days[:, c] = np.maximum(1, np.ceil(least + self.km / speed + 0.6 * far))
        self.handling = np.round(random.uniform(1.0, 2.6, self.warehouses), 2)

    def _stock(self, random: np.random.Generator) -> None:
        expected = self.day(0)
        near = self.km.argmin(axis=0)[expected.destination[expected.order_of]]
        regional = np.zeros((self.warehouses, self.skus))
        np.add.at(regional, (near, expected.sku), expected.quantity)
        total = regional.sum(axis=0)
        share = (regional / np.maximum(total, 1) + 0.25 / self.warehouses) * random.lognormal(0, 0.45, regional.shape)
        # A SKU lies in some warehouses only, the slower it sells the fewer.
        places = self.shape.places + 0.35 * np.minimum(1, total / max(self.orders / self.skus * 4, 1))
        kept = random.random(regional.shape) < places
        kept[random.integers(0, self.warehouses, self.skus), np.arange(self.skus)] = True
        share = share * kept
        bought = share / share.sum(axis=0) * total * self.shape.stock * random.uniform(0.85, 1.15, self.skus)
        self.stock = np.where(self.made, 0, np.round(bought)).astype(np.int64)
        held = self.stock.sum(axis=1) / max(self.stock.sum(), 1)
        room = self.orders * self.shape.parcels * (0.7 * held + 0.3 / self.warehouses)
        self.parcel_cap = np.maximum(1, np.round(room)).astype(np.int64)
        factories = random.choice(self.warehouses, max(1, self.warehouses // 4), replace=False)
        units = total[self.made].sum() / len(factories)
        self.make_cap, self.make_days = np.zeros(self.warehouses, np.int64), np.zeros(self.warehouses, np.int64)
        self.make_cap[factories] = np.maximum(1, np.round(units * random.uniform(0.8, 1.2, len(factories))))
        self.make_days[factories] = random.integers(3, 8, len(factories))

    def day(self, number: int) -> Day:
        """The orders of one day; the same number gives the same day."""
        random = np.random.default_rng([self.seed, self.warehouses, self.orders, 1_000 + number])
        lines = random.choice(len(self.shape.lines), self.orders, p=self.shape.lines) + 1
        lines = np.minimum(lines, self.skus)
        order_of = np.repeat(np.arange(self.orders), lines)
        # Each order draws different SKUs: the keys of a weighted draw without replacement.
        sku = (
            np.concatenate([random.choice(self.skus, many, replace=False, p=self.demand) for many in lines.tolist()])
            if self.orders
            else np.zeros(0, np.int64)
        )
        quantity = 1 + (random.random(len(sku)) < 0.14) * random.integers(1, 3, len(sku))
        rush = random.random(self.orders) < self.shape.rush
        priority = np.where(rush, 2, np.where(random.random(self.orders) < 0.22, 1, 0))
        has_made = np.bincount(order_of, self.made[sku], minlength=self.orders) > 0
        return Day(
            destination=random.choice(len(self.people), self.orders, p=self.people),
            priority=priority,
            promise_days=np.array([6, 4, 3])[priority] + 8 * has_made,
            order_of=order_of,
            sku=sku,
            quantity=quantity,
        )

    def write(self, folder: Path, number: int = 1) -> None:
        """The world and one of its days as an instance folder."""
        folder.mkdir(parents=True, exist_ok=True)
        day, codes = self.day(number), [str(code) for code, *_ in _PROVINCES]
        meta: dict[str, Any] = {
            "seed": self.seed,
            "provinces": codes,
            "couriers": [courier[0] for courier in _COURIERS],
            "split_penalty": self.shape.split,
            "late_per_day": [3.0, 8.0, 25.0],
            "unfilled_per_line": [40.0, 60.0, 120.0],
        }
        (folder / "instance.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
        sites = [(f"{codes[site]}0100", _PROVINCES[site][1], _PROVINCES[site][2]) for site in self.sites]
        _table(
            folder / "warehouses.csv",
            ("warehouse", "code", "lat", "lon", "parcel_cap", "handling", "mto_cap_units", "mto_lead_days"),
            (
                (w, *sites[w], self.parcel_cap[w], f"{self.handling[w]:.2f}", self.make_cap[w], self.make_days[w])
                for w in range(self.warehouses)
            ),
        )
        _table(
            folder / "rates.csv",
            ("warehouse", "courier", "province", "first_kg_fee", "per_kg_fee", "days"),
            (
                (w, courier[0], code, f"{self.first[w, c, z]:.1f}", f"{self.step[w, c, z]:.1f}", self.days[w, c, z])
                for w in range(self.warehouses)
                for c, courier in enumerate(_COURIERS)
                for z, code in enumerate(codes)
            ),
        )
        _table(
            folder / "skus.csv",
            ("sku", "weight_kg", "made_to_order"),
            ((s, f"{self.weight_g[s] / 1000:.2f}", int(self.made[s])) for s in range(self.skus)),
        )
        _table(
            folder / "stock.csv",
            ("warehouse", "sku", "qty"),
            ((w, s, self.stock[w, s]) for w, s in zip(*np.nonzero(self.stock), strict=True)),
        )
        _table(
            folder / "orders.csv",
            ("order", "dest_code", "dest_lat", "dest_lon", "priority", "promise_days"),
            (
                (o, f"{codes[z]}0100", _PROVINCES[z][1], _PROVINCES[z][2], day.priority[o], day.promise_days[o])
                for o, z in enumerate(day.destination.tolist())
            ),
        )
        starts = np.searchsorted(day.order_of, np.arange(self.orders))
        _table(
            folder / "lines.csv",
            ("order", "line", "sku", "qty"),
            ((o, i - starts[o], day.sku[i], day.quantity[i]) for i, o in enumerate(day.order_of)),
        )


@dataclass(frozen=True, slots=True)
class Day:
    """Orders (destination: row of the provinces) and their lines (order_of: row of the order)."""

    destination: Ints
    priority: Ints
    promise_days: Ints
    order_of: Ints
    sku: Ints
    quantity: Ints


def _km(a: Floats, b: Floats) -> Floats:
    """Great circles between points of (latitude, longitude) in degrees."""
    p = np.radians(a)
    q = np.radians(b)
    half = np.sin((q - p) / 2) ** 2
    arc = half[..., 0] + np.cos(p[..., 0]) * np.cos(q[..., 0]) * half[..., 1]
    km: Floats = 12742 * np.arcsin(np.sqrt(arc))
    return km


def _table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
