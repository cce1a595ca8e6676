"""Judges a plan by the files alone, with none of the code that made it."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from decimal import Decimal
from math import ceil
from pathlib import Path


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def judge(folder: Path, solution: Path) -> tuple[Decimal, list[str]]:
    """(cost in yuan, what is broken) of solution.csv for the day in this folder."""
    meta = json.loads((folder / "instance.json").read_text(), parse_float=Decimal)
    warehouses = {row["warehouse"]: row for row in _table(folder / "warehouses.csv")}
    skus = {row["sku"]: row for row in _table(folder / "skus.csv")}
    rates = {(row["warehouse"], row["courier"], row["province"]): row for row in _table(folder / "rates.csv")}
    orders = {row["order"]: row for row in _table(folder / "orders.csv")}
    stock = {(row["warehouse"], row["sku"]): int(row["qty"]) for row in _table(folder / "stock.csv")}
    lines = {(row["order"], row["line"]): row for row in _table(folder / "lines.csv")}
    broken, seen = [], set()
    parcels: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    places: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    cost = Decimal(0)
    for row in _table(solution):
        key = (row["order"], row["line"])
        if key not in lines or key in seen:
            broken.append(f"line {key} is unknown or stands twice")
            continue
        seen.add(key)
        priority = int(orders[row["order"]]["priority"])
        if row["warehouse"]:
            parcels[row["order"], row["parcel"]].append(lines[key])
            places[row["order"], row["parcel"]].add((row["warehouse"], row["courier"]))
        else:
            cost += meta["unfilled_per_line"][priority]
    broken += [f"line {key} is missing" for key in lines.keys() - seen]
    taken: dict[tuple[str, str], int] = defaultdict(int)
    made: dict[str, int] = defaultdict(int)
    left: dict[str, int] = defaultdict(int)
    count: dict[str, int] = defaultdict(int)
    for (order, parcel), content in parcels.items():
        if len(places[order, parcel]) > 1:
            broken.append(f"parcel {parcel} of order {order} leaves from two places")
        warehouse, courier = min(places[order, parcel])
        head, site = orders[order], warehouses[warehouse]
        left[warehouse] += 1
        count[order] += 1
        weight, ready = Decimal(0), 0
        for line in content:
            sku = skus[line["sku"]]
            weight += int(line["qty"]) * Decimal(sku["weight_kg"])
            if sku["made_to_order"] == "1":
                made[warehouse] += int(line["qty"])
                ready = int(site["mto_lead_days"])
            else:
                taken[warehouse, line["sku"]] += int(line["qty"])
        rate = rates[warehouse, courier, head["dest_code"][:2]]
        cost += Decimal(rate["first_kg_fee"]) + Decimal(rate["per_kg_fee"]) * (max(1, ceil(weight)) - 1)
        late = max(0, int(rate["days"]) + ready - int(head["promise_days"]))
        cost += Decimal(site["handling"]) + meta["late_per_day"][int(head["priority"])] * late
    cost += sum((many - 1 for many in count.values()), 0) * meta["split_penalty"]
    broken += [f"stock {key}" for key, used in taken.items() if used > stock.get(key, 0)]
    broken += [f"production {key}" for key, used in made.items() if used > int(warehouses[key]["mto_cap_units"])]
    broken += [f"parcels {key}" for key, used in left.items() if used > int(warehouses[key]["parcel_cap"])]
    return cost, broken
