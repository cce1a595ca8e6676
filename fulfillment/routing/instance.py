"""A planning day as plain files: warehouses, prices, stock and orders in, a plan out.

Money in the files is yuan, weight kilogram, time days; here they are fen and gram. The format is described in
docs/routing-instances.md.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fulfillment.routing.instance_tables import BadInstance, Row, read_json, read_rows, whole_parts
from fulfillment.routing.tariff import Tariff, TariffRow, compile_tariff
from fulfillment.routing.terms import Choice, Costs, LineNeed, OrderNeed, StockView


@dataclass(frozen=True, slots=True)
class Instance:
    """A day to be planned. Ids of the core are row numbers; the names beside them are those of the files.

    sku_kinds: by SKU id, (gram of a piece, made to order). destinations: by order, its division code. line_names: by
    line id, (order, line). lower_bound_fen: from bound.json, where there is one.
    """

    name: str
    tariff: Tariff
    costs: Costs
    stock: StockView
    orders: tuple[OrderNeed, ...]
    warehouse_names: tuple[str, ...]
    courier_names: tuple[str, ...]
    sku_names: tuple[str, ...]
    sku_kinds: tuple[tuple[int, bool], ...]
    destinations: tuple[str, ...]
    line_names: tuple[tuple[str, str], ...]
    lower_bound_fen: int | None


def read_instance(folder: Path) -> Instance:
    """The day in this folder. Raises BadInstance, naming file and row, for anything missing, double or impossible."""
    if not folder.is_dir():
        raise BadInstance("", None, "there is no such folder")
    meta = read_json(folder, "instance.json")
    columns = ("warehouse", "parcel_cap", "handling", "mto_cap_units", "mto_lead_days")
    warehouses = _by_name(read_rows(folder, "warehouses.csv", columns), "warehouse")
    skus = _by_name(read_rows(folder, "skus.csv", ("sku", "weight_kg", "made_to_order")), "sku")
    if not warehouses:
        raise BadInstance("warehouses.csv", None, "no warehouse at all")
    couriers = _names(meta, "couriers")
    tariff = _tariff(folder, list(warehouses), couriers)
    costs = Costs(
        handling_fen=np.array([row.parts("handling", 100) for row in warehouses.values()], np.int64),
        dispatch_days=np.zeros(len(warehouses), np.int64),
        make_days=np.array([row.integer("mto_lead_days") for row in warehouses.values()], np.int64),
        late_fen=_amounts(meta, "late_per_day"),
        unfilled_fen=_amounts(meta, "unfilled_per_line"),
        split_fen=_amount(meta, "split_penalty", meta.get("split_penalty")),
    )
    if len(costs.late_fen) != len(costs.unfilled_fen):
        raise BadInstance("instance.json", None, "late_per_day and unfilled_per_line differ in length")
    stock = StockView(
        _stock(folder, list(warehouses), list(skus)),
        [row.integer("mto_cap_units") for row in warehouses.values()],
        [row.integer("parcel_cap") for row in warehouses.values()],
    )
    kinds = {
        name: (row.parts("weight_kg", 1000), row.integer("made_to_order", most=1) == 1) for name, row in skus.items()
    }
    orders, line_names, destinations = _orders(folder, kinds, tariff, len(costs.late_fen))
    return Instance(
        folder.name,
        tariff,
        costs,
        stock,
        orders,
        tuple(warehouses),
        tuple(couriers),
        tuple(skus),
        tuple(kinds.values()),
        destinations,
        line_names,
        _bound(folder),
    )


def write_solution(path: Path, instance: Instance, choices: Iterable[Choice]) -> None:
    """The plan as CSV: order, line, warehouse, courier, parcel; an empty warehouse means unfilled.

    The file appears whole or not at all.
    """
    rows: dict[int, tuple[str, str, int]] = {}
    for choice in choices:
        for number, parcel in enumerate(choice.parcels):
            where = (instance.warehouse_names[parcel.warehouse], instance.courier_names[parcel.courier], number)
            rows.update(dict.fromkeys(parcel.line_ids, where))
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(["order", "line", "warehouse", "courier", "parcel"])
        for line_id, (order, line) in enumerate(instance.line_names):
            writer.writerow([order, line, *rows.get(line_id, ("", "", ""))])
    os.replace(draft, path)


def _by_name(rows: Iterable[Row], column: str) -> dict[str, Row]:
    named: dict[str, Row] = {}
    for row in rows:
        name = row.text(column)
        if name in named:
            raise row.bad(f"{column} {name!r} stands twice, first in row {named[name].number}")
        if not name:
            raise row.bad(f"{column} is empty")
        named[name] = row
    return named


def _known(row: Row, column: str, index: Mapping[str, int]) -> int:
    number = index.get(row.text(column))
    if number is None:
        raise row.bad(f"unknown {column} {row.text(column)!r}")
    return number


def _index(names: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _tariff(folder: Path, warehouses: Sequence[str], couriers: Sequence[str]) -> Tariff:
    index, courier_index = _index(warehouses), _index(couriers)
    seen: dict[tuple[int, int, str], int] = {}
    rows = []
    for row in read_rows(
        folder, "rates.csv", ("warehouse", "courier", "province", "first_kg_fee", "per_kg_fee", "days")
    ):
        lane = (_known(row, "warehouse", index), _known(row, "courier", courier_index), row.text("province"))
        if lane in seen:
            raise row.bad(f"this lane has a price already, in row {seen[lane]}")
        if not (lane[2].isascii() and lane[2].isdigit() and len(lane[2]) in (2, 4, 6)):
            raise row.bad(f"province is not a division code: {lane[2]!r}")
        seen[lane] = row.number
        rows.append(
            TariffRow(
                warehouse_id=lane[0],
                courier_id=lane[1],
                zone=lane[2],
                first_fen=row.parts("first_kg_fee", 100),
                step_fen=row.parts("per_kg_fee", 100),
                days=row.integer("days", most=1000),
            )
        )
    return compile_tariff(rows, warehouses=range(len(warehouses)), couriers=range(len(couriers)), version=folder.name)


def _stock(folder: Path, warehouses: Sequence[str], skus: Sequence[str]) -> dict[int, list[int]]:
    index, sku_index = _index(warehouses), _index(skus)
    seen: dict[tuple[int, int], int] = {}
    pieces: dict[int, list[int]] = {}
    for row in read_rows(folder, "stock.csv", ("warehouse", "sku", "qty")):
        w, sku = _known(row, "warehouse", index), _known(row, "sku", sku_index)
        if (w, sku) in seen:
            raise row.bad(f"this stock stands twice, first in row {seen[w, sku]}")
        seen[w, sku] = row.number
        pieces.setdefault(sku, [0] * len(warehouses))[w] = row.integer("qty")
    return pieces


def _orders(
    folder: Path, kinds: Mapping[str, tuple[int, bool]], tariff: Tariff, priorities: int
) -> tuple[tuple[OrderNeed, ...], tuple[tuple[str, str], ...], tuple[str, ...]]:
    heads = _by_name(read_rows(folder, "orders.csv", ("order", "dest_code", "priority", "promise_days")), "order")
    lines: dict[str, list[LineNeed]] = {name: [] for name in heads}
    sku_index, by_sku = _index(list(kinds)), list(kinds.values())
    names: dict[tuple[str, str], int] = {}
    for row in read_rows(folder, "lines.csv", ("order", "line", "sku", "qty")):
        order, name = row.text("order"), (row.text("order"), row.text("line"))
        if order not in lines:
            raise row.bad(f"unknown order {order!r}")
        if name in names:
            raise row.bad(f"line {name[1]!r} of order {order!r} stands twice")
        sku, quantity = _known(row, "sku", sku_index), row.integer("qty", least=1, most=10**6)
        line_id = names[name] = len(names)
        lines[order].append(
            LineNeed(
                line_id=line_id,
                sku_id=sku,
                quantity=quantity,
                weight_g=by_sku[sku][0] * quantity,
                made_to_order=by_sku[sku][1],
            )
        )
    orders = []
    for number, (name_of_order, head) in enumerate(heads.items()):
        code = head.text("dest_code")
        if not (code.isascii() and code.isdigit()):
            raise head.bad(f"dest_code is not a division code: {code!r}")
        if not lines[name_of_order]:
            raise head.bad(f"order {name_of_order!r} has no line")
        orders.append(
            OrderNeed(
                order_id=number,
                lines=tuple(lines[name_of_order]),
                zone=tariff.zone_of(code),
                priority=head.integer("priority", most=priorities - 1),
                promise_days=head.integer("promise_days", most=1000),
            )
        )
    return tuple(orders), tuple(names), tuple(head.text("dest_code") for head in heads.values())


def _names(meta: Mapping[str, Any], key: str) -> list[str]:
    names = meta.get(key)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise BadInstance("instance.json", None, f"{key} is not a list of names")
    if len(set(names)) != len(names):
        raise BadInstance("instance.json", None, f"{key} names one twice")
    return names


def _amounts(meta: Mapping[str, Any], key: str) -> tuple[int, ...]:
    amounts = meta.get(key)
    if not isinstance(amounts, list) or not amounts:
        raise BadInstance("instance.json", None, f"{key} is not a list of amounts")
    return tuple(_amount(meta, key, amount) for amount in amounts)


def _amount(meta: Mapping[str, Any], key: str, value: object) -> int:
    try:
        return whole_parts("" if isinstance(value, bool) else str(value), 100)
    except ValueError as error:
        raise BadInstance("instance.json", None, f"{key} {error}") from None


def _bound(folder: Path) -> int | None:
    if not (folder / "bound.json").exists():
        return None
    meta = read_json(folder, "bound.json")
    return _amount(meta, "lower_bound", meta.get("lower_bound"))
