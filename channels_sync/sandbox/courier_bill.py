"""The monthly bill (对账单) of a courier, from what was really shipped, less planted lies.

Form: GB18030 CSV as the franchise networks send it: a title, headings, one row a parcel, a row of sums. Weights are the
charged ones in kilograms, the surcharges stand beside the freight, and numbers are guarded by `="..."` as spreadsheets
would shorten them otherwise.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Lie = Literal["HEAVIER", "DEARER", "TWICE", "MISSING", "UNKNOWN", "VOID"]
HEADINGS = ("运单号", "揽收日期", "目的省份", "计费重量(kg)", "合计金额(元)")
_NOWHERE = "测试"


@dataclass(frozen=True, slots=True)
class ShippedParcel:
    """A parcel that the courier carried. price: weight in grams -> (charged grams, yuan) by its contract."""

    tracking_no: str
    shipped_on: date
    province: str
    weight_g: int
    price: Callable[[int], tuple[int, Decimal]]


@dataclass(frozen=True, slots=True)
class CourierBillPlan:
    """How many lies of each kind. void: numbers that were given, and under which nothing left, are billed."""

    heavier: int = 0
    dearer: int = 0
    twice: int = 0
    missing: int = 0
    unknown: int = 0
    void: int = 0

    @property
    def lies_about_parcels(self) -> int:
        return self.heavier + self.dearer + self.twice + self.missing


@dataclass(frozen=True, slots=True)
class PlantedLie:
    """One difference that a check has to find. fen: how much more is billed than is due; below zero for less."""

    kind: Lie
    tracking_no: str
    fen: int


def write_courier_bill(
    parcels: Sequence[ShippedParcel],
    plan: CourierBillPlan,
    *,
    seed: int,
    courier: str,
    void_numbers: Sequence[str] = (),
    encoding: str = "gb18030",
) -> tuple[bytes, list[PlantedLie]]:
    """The file, and what was planted in it, by the seed. Raises ValueError when there are not enough parcels."""
    rng = random.Random(f"courier bill/{seed}/{courier}/{len(parcels)}")
    if plan.lies_about_parcels > len(parcels) or plan.void > len(void_numbers):
        raise ValueError(f"{plan} needs more than {len(parcels)} parcels and {len(void_numbers)} void numbers")
    chosen = rng.sample(range(len(parcels)), plan.lies_about_parcels)
    counts: dict[Lie, int] = {
        "HEAVIER": plan.heavier,
        "DEARER": plan.dearer,
        "TWICE": plan.twice,
        "MISSING": plan.missing,
    }
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    lies = dict(zip(chosen, kinds, strict=True))
    rows: list[list[str]] = []
    planted: list[PlantedLie] = []
    for place, parcel in enumerate(parcels):
        rows += _rows(parcel, lies.get(place), planted, rng)
    day = parcels[0].shipped_on if parcels else date(2026, 1, 1)
    for number in [_stranger(rng) for _ in range(plan.unknown)]:
        planted.append(PlantedLie("UNKNOWN", number, 620))
        rows.append(_row(number, day, _NOWHERE, 1000, Decimal("6.20")))
    for number in rng.sample(list(void_numbers), plan.void):
        planted.append(PlantedLie("VOID", number, 350))
        rows.append(_row(number, day, _NOWHERE, 1000, Decimal("3.50")))
    return _file(rows, courier).encode(encoding), planted


def _rows(parcel: ShippedParcel, lie: Lie | None, planted: list[PlantedLie], rng: random.Random) -> list[list[str]]:
    charged_g, amount = parcel.price(parcel.weight_g)
    number, day, province = parcel.tracking_no, parcel.shipped_on, parcel.province
    row = _row(number, day, province, charged_g, amount)
    if lie is None:
        return [row]
    if lie == "MISSING":
        planted.append(PlantedLie(lie, number, -_fen(amount)))
        return []
    if lie == "TWICE":
        planted.append(PlantedLie(lie, number, _fen(amount)))
        return [row, row]
    if lie == "HEAVIER":
        # Far enough to cost more, whatever the steps are.
        heavier = next(more for more in range(1, 60) if parcel.price(charged_g + 1000 * more)[1] > amount)
        other_g, other = parcel.price(charged_g + 1000 * heavier)
        planted.append(PlantedLie(lie, number, _fen(other - amount)))
        return [_row(number, day, province, other_g, other)]
    # An odd number of fen, so that it is no step and no fee of a contract.
    off = Decimal(rng.choice((17, 23, 31, 37))) / 100
    planted.append(PlantedLie("DEARER", number, _fen(off)))
    return [_row(number, day, province, charged_g, amount + off)]


def _row(number: str, day: date, province: str, weight_g: int, amount: Decimal) -> list[str]:
    return [f'="{number}"', f"{day:%Y/%m/%d}", province, f"{Decimal(weight_g) / 1000:.3f}", f"{amount:.2f}"]


def _file(rows: Sequence[Sequence[str]], courier: str) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([f"{courier} 月结账单", "", "", "", ""])
    writer.writerow(HEADINGS)
    writer.writerows(rows)
    writer.writerow(["合计", "", "", "", f"{sum((Decimal(row[4]) for row in rows), Decimal(0)):.2f}"])
    return text.getvalue()


def _stranger(rng: random.Random) -> str:
    return f"99{rng.randrange(10**11):011d}"


def _fen(amount: Decimal) -> int:
    return int(amount * 100)
